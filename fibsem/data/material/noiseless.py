"""Doubts about what is left out of a film without noise, in which material may look like fill.

In a film with noise, many pixels of exactly one value in a row are no material. A film that was
labelled, or smoothed until nothing is left of its noise, also has them in its phases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.search import MOVED
from fibsem.system.advice import VALID

#: Share of neighbouring pixels with the same value from which a film has no noise: at most 0.25 in
#: clipped films with noise, 0.35 in smooth ones, at least 0.85 in phases of one value.
SAME = 0.7


def is_noiseless(stack: npt.NDArray[Any]) -> bool:
    """Whether the middle of a film consists of areas of one value.

    Parameters
    ----------
    stack : (slices, y, x)
        Slices with all rows; columns may be left out.

    Examples
    --------
    >>> phases = np.repeat([0, 255, 0], 20)[None, :, None] * np.ones((2, 60, 60))
    >>> is_noiseless(phases), is_noiseless(np.random.default_rng(0).normal(phases, 5).round())
    (True, False)
    """
    y, x = (side // 4 for side in stack.shape[1:])
    middle = stack[:, y : stack.shape[1] - y, x : stack.shape[2] - x]
    return middle.shape[1] > 1 and float(np.mean(middle[:, 1:] == middle[:, :-1])) >= SAME


def doubtful_rims(shares: Mapping[int, float]) -> Iterator[str]:
    """Yield a message if rims are left out of a few slices only.

    Parameters
    ----------
    shares
        Share of each slice that is left out as rims, by slice number.
    """
    with_rims = [z for z, share in shares.items() if share]
    if 0 < len(with_rims) < MOVED * len(shares):
        share = 100 * np.mean([*shares.values()])
        yield (
            f"{len(with_rims)} of {len(shares)} slices, such as {with_rims[0]}, have a rim that is "
            f"left out, {share:.1f} % of the film, which has no noise: pores or solid along a side "
            f"look like one; {VALID.at('all')} keeps them"
        )


def doubtful_bars(stack: npt.NDArray[Any], bars: Sequence[int]) -> Iterator[str]:
    """Yield a message for each data bar that mostly has the commonest value of the film.

    Parameters
    ----------
    stack : (slices, y, x)
        Slices with all rows; columns may be left out.
    bars
        Rows of the bars at the top and at the bottom that were found.
    """
    film = stack[:, bars[0] : stack.shape[1] - bars[1]]
    for rows, image, side in zip(bars, (stack, stack[:, ::-1]), ("upper", "lower"), strict=True):
        if rows and film.size and _commonest(image[:, :rows]) == _commonest(film):
            yield (
                f"the {side} {rows} rows are left out as a data bar, but mostly have the commonest "
                f"value of the film, which has no noise: material that does not change from slice "
                f"to slice looks like one; {VALID.at('all')} keeps them"
            )


def _commonest(values: npt.NDArray[Any]) -> float:
    different, counts = np.unique(values, return_counts=True)
    return float(different[counts.argmax()])
