"""Data bars of microscopes: rows that stand still from slice to slice while the film moves on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.system.advice import VALID

#: Share of a row that stands still in a bar, whose counters run; and just beyond it at most.
STILL, MOVING = 0.7, 0.35
#: Share of the slices in which a pixel has its usual value, and stands still.
USUAL = 0.9
#: Share of the pixels beyond a bar that show the film at least, beside the fill of a turned one;
#: and of a row below which fill ends in it: in a bar the rows between lines of text stand still.
SHOWN, WHOLE = 0.1, 0.99
#: Rows of a bar, and share of the height that it takes at most.
LEAST, MOST = 4, 0.3
#: Share of a row of a bar that has one of two values; compression leaves others.
PRINTED = 0.9
#: Slices without which nothing can be said to stand still.
SLICES = 4


def bar_rows(stack: npt.NDArray[Any], tolerance: float) -> tuple[int, int]:
    """Rows of the bars at the top and at the bottom; 0 where there is none.

    What stands still in a rim is of one value: it is left to `rims`, beside a bar, too.

    Parameters
    ----------
    stack : (slices, y, x)
        Slices far from each other; columns may be left out.
    tolerance
        Grey values within which a pixel that was compressed stands still.
    """
    if len(stack) < SLICES:
        return 0, 0
    usual = np.median(stack, axis=0)
    moved = np.abs(stack.astype(np.float32) - usual.astype(np.float32)) > tolerance
    stands = moved.mean(axis=0) <= 1 - USUAL
    return _rows(stands, usual, tolerance), _rows(stands[::-1], usual[::-1], tolerance)


def bars_of_few(stack: npt.NDArray[Any]) -> Iterator[str]:
    """Say where so few slices that nothing stands still have rows like those of a bar.

    Text and its ground have two values, which hardly any pixel of the film beside it has.

    Parameters
    ----------
    stack : (slices, y, x)
        All slices; columns may be left out.
    """
    if len(stack) >= SLICES:
        return
    for side, image in (("upper", stack[0]), ("lower", stack[0][::-1])):
        if rows := max(_printed(image, among) for among in (LEAST, 2 * LEAST, 4 * LEAST)):
            yield (
                f"the {side} {rows} rows look like a data bar, which fewer than {SLICES} slices do "
                f"not tell: they are measured as material; {VALID.at('MASK')} leaves them out"
            )


def _printed(image: npt.NDArray[Any], among: int) -> int:
    """Rows from the top that have the two commonest values of some of them, and the film not."""
    values, counts = np.unique(image[:among], return_counts=True)
    printed = np.isin(image, values[np.argsort(counts)[-2:]]).mean(axis=1)
    ends = np.flatnonzero(printed < PRINTED)
    rows = int(ends[0]) if ends.size else len(printed)
    beyond = printed[rows + 2 : rows + 10]
    is_bar = LEAST <= rows <= MOST * len(printed) and len(values) > 1 and beyond.size
    return rows if is_bar and beyond.mean() < MOVING else 0


def _fill(
    stands: npt.NDArray[np.bool_], usual: npt.NDArray[Any], rows: int, tolerance: float
) -> npt.NDArray[np.bool_]:
    """Pixels that stand still and have the value of those beyond some rows: fill, if any is there.

    The first row beyond a bar may be compressed with its last.
    """
    near = usual[rows + 2 : rows + 3][stands[rows + 2 : rows + 3]]
    if not near.size:
        return np.zeros_like(stands)
    return stands & (np.abs(usual - np.median(near)) <= tolerance)


def _rows(stands: npt.NDArray[np.bool_], usual: npt.NDArray[Any], tolerance: float) -> int:
    """Rows of a bar at the top, in which pixels stand still."""
    still = stands.mean(axis=1)
    ends = np.flatnonzero(still < STILL)
    rows = int(ends[0]) if ends.size else len(still)
    fill = _fill(stands, usual, rows, tolerance)
    beyond = slice(rows + 2, rows + 2 + 8)
    film = ~np.logical_and.accumulate(fill[beyond], axis=0)
    if film.size == 0 or film.mean() < SHOWN or stands[beyond][film].mean() > MOVING:
        return 0
    slanted = (fill | ~stands).all(axis=1) & (still < WHOLE)
    rows -= int(np.logical_and.accumulate(slanted[:rows][::-1]).sum())
    if not LEAST <= rows <= MOST * len(still):
        return 0
    band = usual[:rows][stands[:rows]]
    same = np.abs(band - np.median(band)) <= tolerance
    return 0 if same.mean() > 0.998 else rows
