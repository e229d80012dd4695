"""Find data bars of microscopes: rows that stand still from slice to slice as the film changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.glance import median_of
from fibsem.system.advice import VALID

#: Minimum share of a row of a bar that stands still (counters run), and maximum just beyond a bar.
STILL, MOVING = 0.7, 0.35
#: Minimum share of the slices in which a pixel that stands still has its usual value.
USUAL = 0.9
#: Minimum share of the pixels beyond a bar that show the film, next to the fill of a rotated one;
#: and share of still pixels in a row below which fill ends in it: in a bar, the rows between lines
#: of text stand still entirely.
SHOWN, WHOLE = 0.1, 0.99
#: Minimum number of rows of a bar, and maximum share of the height.
LEAST, MOST = 4, 0.3
#: Minimum share of a row of a bar that has one of two values; compression creates others.
PRINTED = 0.9
#: Minimum number of slices to tell what stands still.
SLICES = 4


def bar_rows(stack: npt.NDArray[Any], tolerance: float) -> tuple[int, int]:
    """Return the number of rows of the bars at the top and at the bottom, 0 without a bar.

    A rim also stands still, but has one value: it is left to `rims`, even next to a bar.

    Parameters
    ----------
    stack : (slices, y, x)
        Slices far from each other; columns may be left out.
    tolerance
        Difference of grey values within which a compressed pixel stands still.
    """
    if len(stack) < SLICES:
        return 0, 0
    usual = median_of(stack)
    moved = np.abs(stack.astype(np.float32) - usual.astype(np.float32)) > tolerance
    stands = moved.mean(axis=0) <= 1 - USUAL
    return _rows(stands, usual, tolerance), _rows(stands[::-1], usual[::-1], tolerance)


def bars_of_few(stack: npt.NDArray[Any]) -> Iterator[str]:
    """Yield messages about rows like those of a bar in too few slices to tell what stands still.

    Text and its background have two values, which hardly any pixel of the film next to it has.

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
    """Number of rows at the top that have the two commonest values of a few of them only."""
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
    """Return the mask of constant pixels whose value continues beyond the bar, which are fill.

    The first row beyond a bar may be compressed together with its last.
    """
    near = usual[rows + 2 : rows + 3][stands[rows + 2 : rows + 3]]
    if not near.size:
        return np.zeros_like(stands)
    return stands & (np.abs(usual - np.median(near)) <= tolerance)


def _rows(stands: npt.NDArray[np.bool_], usual: npt.NDArray[Any], tolerance: float) -> int:
    """Number of rows of a bar at the top, in which pixels stand still."""
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
