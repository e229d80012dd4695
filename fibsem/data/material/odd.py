"""Slices that are unlike their neighbours: inverted, brighter, of another film, twice, swapped.

They are measured all the same: what is wrong with one cannot be told for certain, and is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Some = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

#: Fewer slices do not tell what is usual.
FEWEST = 6
#: Correlation of neighbours from which they can be compared pixel by pixel.
ALIKE = 0.15
#: Shares of it: below minus the first a slice is inverted, below the second of something else,
#: where that is so many robust s.d. below the usual one.
INVERTED, UNLIKE, FAR = 0.25, 0.5, 8.0
#: Quantiles that stand for the darkest and the brightest, slices to both sides that they are
#: compared with, and how far they may be off: in the film's contrast, and times what is usual. Of
#: clean films they are off by 0.03 of it, or 3 times what is usual, at most
#: (experiments/reliability/inputs-placing.md).
ENDS, AROUND, OFF, OFTEN = (0.02, 0.98), 8, 0.07, 6.0
#: Share of the pairs of neighbours that may be equal before that is how the film is.
EQUAL = 0.25
#: How much of what neighbours lose from one slice to the next two that are swapped win back.
WON = 0.5
#: Slices that are named.
MOST_NAMED = 8


def odd_slices(pixels: Mapping[int, npt.NDArray[Any]], contrast: float) -> Iterator[str]:
    """What is odd about some slices of a film, a line each, with their numbers.

    Parameters
    ----------
    pixels
        Pixels of every slice that shows something, the same places in all.
    contrast
        Of a usual slice.
    """
    numbers = sorted(pixels)
    if len(numbers) < FEWEST or not contrast:
        return
    some = [pixels[z].astype(np.float32) for z in numbers]
    if len({one.shape for one in some}) > 1:
        return
    next_to = np.array([_correlation(one, other) for one, other in pairwise(some)])
    usual = float(np.median(np.abs(next_to)))
    inverted = _inverted(next_to, usual)
    unlike = [] if inverted else _unlike(next_to, usual)
    wrong = {
        "inverted against the slices beside": inverted,
        "unlike the slices beside, as if of another film or place": unlike,
        "darker, brighter or of other contrast than those around": [
            k for k in _off(some, contrast) if k not in inverted
        ],
    }
    for what, which in wrong.items():
        if which:
            yield f"{_named(numbers[k] for k in which)} {what}: look at them first"
    equal = [k for k, (one, other) in enumerate(pairwise(some)) if np.array_equal(one, other)]
    if equal and len(equal) <= EQUAL * len(next_to):
        yield f"{_named(numbers[k + 1] for k in equal)} the same as the one before"
    elif not inverted and not unlike and usual > ALIKE:
        for k in _swapped(some, next_to):
            yield f"slices {numbers[k]} and {numbers[k + 1]} seem to be swapped"


def _named(which: Iterable[int]) -> str:
    """Slices as the beginning of a sentence.

    >>> _named([3]), _named([3, 4])
    ('slice 3 is', 'slices 3, 4 are')
    """
    numbers = list(which)
    listed = ", ".join(map(str, numbers[:MOST_NAMED]))
    more = len(numbers) - MOST_NAMED
    listed += f" and {more} more" if more > 0 else ""
    return f"slice {listed} is" if len(numbers) == 1 else f"slices {listed} are"


def _correlation(one: Some, other: Some) -> float:
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    return float(np.vdot(a, b)) / norm if norm else 0.0


def _inverted(next_to: Numbers, usual: float) -> list[int]:
    """The fewer of two kinds of slices, where each turn from one to the other inverts them."""
    if usual <= ALIKE:
        return []
    turns = np.concatenate([[0], np.cumsum(next_to < -INVERTED * usual)]) % 2
    fewer = 1 if turns.mean() <= 0.5 else 0
    return np.flatnonzero(turns == fewer).tolist() if turns.any() else []


def _unlike(next_to: Numbers, usual: float) -> list[int]:
    """Slices that are like none of their neighbours; at an end, if its neighbour is like others."""
    spread = 1.4826 * float(np.median(np.abs(next_to - usual)))
    low = next_to < min(UNLIKE * usual, usual - FAR * spread)
    if usual <= ALIKE:
        return []
    inside = [k for k in range(1, len(low)) if low[k - 1] and low[k]]
    first = [0] if low[0] and not low[1] else []
    last = [len(low)] if low[-1] and not low[-2] else []
    return [*first, *inside, *last]


def _off(some: Sequence[Some], contrast: float) -> list[int]:
    """Slices whose darkest or brightest pixels are not those of the slices around."""
    ends = np.array([np.quantile(one, ENDS) for one in some]) / contrast
    apart = np.zeros(len(some))
    for k in range(len(some)):
        around = [j for j in range(max(0, k - AROUND), k + AROUND + 1) if j != k and j < len(some)]
        apart[k] = np.abs(ends[k] - np.median(ends[around], axis=0)).max()
    return np.flatnonzero(apart > max(OFF, OFTEN * float(np.median(apart)))).tolist()


def _swapped(some: Sequence[Some], next_to: Numbers) -> Iterator[int]:
    """First of two neighbours that each are more like what lies beyond the other."""
    beyond = np.array([_correlation(a, b) for a, b in zip(some, some[2:], strict=False)])
    usual = float(np.median(next_to))
    lost = usual - float(np.median(beyond))
    spread = 1.4826 * float(np.median(np.abs(next_to - usual)))
    for k in range(1, len(some) - 2):
        won = min(beyond[k - 1] - next_to[k - 1], beyond[k] - next_to[k + 1])
        if won > max(WON * lost, 2 * spread) and lost > 0:
            yield k
