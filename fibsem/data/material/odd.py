"""Find slices unlike their neighbours: inverted, brighter, repeated, swapped, of another film.

Odd slices are measured nevertheless, with a warning, as it is not certain what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.glance import levels_of
from fibsem.data.material.order import (
    FEWEST_DIFFERENT,
    ORDINALS,
    Array,
    Some,
    come_again,
    correlations,
    in_turn,
    same_part,
)

#: Minimum number of slices.
FEWEST = 6
#: Minimum correlation of neighbours for a comparison pixel by pixel.
ALIKE = 0.15
#: Ratios to the usual correlation: below minus the first a slice is inverted, below the second it
#: is unrelated, if it is also this many robust standard deviations below the usual one.
INVERTED, UNLIKE, FAR = 0.25, 0.5, 8.0
#: Quantiles for the darkest and the brightest pixels, number of slices on both sides they are
#: compared with, and maximum deviation: in units of the contrast, and as a ratio to the usual one.
#: Clean films deviate by at most 0.03 of the contrast or 3 times the usual deviation
#: (experiments/reliability/inputs-placing.md).
ENDS, AROUND, OFF, OFTEN = (0.02, 0.98), 8, 0.07, 6.0
#: Share of a slice from which a repeated part is named.
SAME = 0.05
#: Share of equal pairs of neighbours above which repetition is regular.
EQUAL = 0.25
#: Share of the usual loss of correlation over a slice that two swapped slices must regain.
WON = 0.5
#: Ratio to the usual correlation of neighbours below which the film jumps.
JUMP = 0.6
#: Maximum number of slices that are named.
MOST_NAMED = 8


def odd_slices(pixels: Mapping[int, npt.NDArray[Any]], contrast: float) -> Iterator[str]:
    """Yield a message for each kind of odd slice in a volume, with slice numbers.

    Parameters
    ----------
    pixels
        Pixels at the same places of every slice that shows something, by slice number.
    contrast
        Contrast of a usual slice.
    """
    numbers = sorted(pixels)
    if len(numbers) < FEWEST or not contrast:
        return
    images = [pixels[z].astype(np.float32) for z in numbers]
    if len({image.shape for image in images}) > 1:
        return
    ends = np.array([_ends_of(pixels[z]) for z in numbers]) / contrast
    by_step = correlations(images)
    if kinds := in_turn(ends, by_step):
        yield (
            f"slices are of {kinds} kinds in turn, every {ORDINALS[kinds]} alike, as the channels "
            "of several detectors are in one stack: measured as one film, where each should be one"
        )
    else:
        yield from _odd_ones(images, by_step, ends, numbers)


def _ends_of(image: npt.NDArray[Any]) -> Array:
    """Return the darkest and the brightest grey value, each level spread over its width.

    In a film of few levels, plain quantiles jump by a whole level from slice to slice. A level far
    from all others, as of black cracks, is as wide as they are.

    >>> _ends_of(np.repeat([0, 32, 64], 100)).round(2).tolist()
    [-14.08, 78.08]
    """
    stored, counts = levels_of(image)
    levels = stored.astype(np.float64)
    if len(levels) == 1:
        return np.repeat(levels, len(ENDS))
    gaps = np.diff(levels)
    half = np.pad(np.minimum(gaps, np.median(gaps)) / 2, 1, "edge")
    edges = np.column_stack([levels - half[:-1], levels + half[1:]])
    shares = np.concatenate([[0], counts.cumsum()]) / image.size
    return np.interp(ENDS, np.repeat(shares, 2)[1:-1], edges.ravel())


def _odd_ones(
    images: Sequence[Some], by_step: Mapping[int, Array], ends: Array, numbers: Sequence[int]
) -> Iterator[str]:
    """Yield messages about single odd slices, and about breaks in their sequence."""
    next_to = by_step[1]
    usual = float(np.median(np.abs(next_to)))
    inverted = _inverted(next_to, usual)
    unlike = [] if inverted else _unlike(next_to, usual)
    wrong = {
        "inverted against the slices beside": inverted,
        "unlike the slices beside, as if of another film or place": unlike,
        "darker, brighter or of other contrast than those around": [
            k for k in _odd_in_tone(ends) if k not in inverted
        ],
    }
    for fault, positions in wrong.items():
        if positions:
            yield f"{_named(numbers[k] for k in positions)} {fault}: look at them first"
    if again := [*_repeated(images, numbers), *_repeated_parts(images, numbers)]:
        yield from again
    elif not inverted and usual > ALIKE:
        yield from _following(by_step, numbers, swaps=not unlike)


def _repeated(images: Sequence[Some], numbers: Sequence[int]) -> Iterator[str]:
    """Yield messages about slices that repeat earlier ones."""
    equal = [k for k, (one, other) in enumerate(pairwise(images)) if np.array_equal(one, other)]
    if equal and len(equal) <= EQUAL * len(images):
        yield f"{_named(numbers[k + 1] for k in equal)} the same as the one before"
    elif len(images) - len(equal) >= FEWEST_DIFFERENT and equal:
        yield (
            f"{len(equal)} of {len(images)} slices are the same as the one before: a film in which "
            "slices come several times has another voxel size along z"
        )
    if again := come_again(images):
        k, before = min(again.items())
        yield (
            f"{_named(numbers[k] for k in again)} the same as earlier ones, such as {numbers[k]} "
            f"as {numbers[before]}: a part of the film is there more than once"
        )


def _repeated_parts(images: Sequence[Some], numbers: Sequence[int]) -> Iterator[str]:
    """Yield a message about slices of which a part is that of the slice before, pixel by pixel."""
    shares = [same_part(one, other) for one, other in pairwise(images)]
    odd = [k for k, share in enumerate(shares) if share >= SAME]
    if odd:
        yield (
            f"{_named(numbers[k + 1] for k in odd)} the same as the one before in a part "
            f"({100 * max(shares):.0f} %), as if copied or written in part: look at them first"
        )


def _following(
    by_step: Mapping[int, Array], numbers: Sequence[int], *, swaps: bool
) -> Iterator[str]:
    """Yield messages about swapped slices and jumps."""
    for k in _swapped(by_step) if swaps else ():
        yield f"slices {numbers[k]} and {numbers[k + 1]} seem to be swapped"
    beside = [b - a == 1 for a, b in pairwise(numbers)]
    if jumps := [k for k in _jumps(by_step[1]) if beside[k]]:
        listed = ", ".join(f"{numbers[k]} and {numbers[k + 1]}" for k in jumps[:MOST_NAMED])
        more = f" and {len(jumps) - MOST_NAMED} more" if len(jumps) > MOST_NAMED else ""
        yield (
            f"the film jumps between slices {listed}{more}, which have less in common than others "
            "beside each other: two films, slices that were lost or another order"
        )


def _named(slices: Iterable[int]) -> str:
    """Name slices at the beginning of a sentence.

    >>> _named([3]), _named([3, 4])
    ('slice 3 is', 'slices 3, 4 are')
    """
    numbers = list(slices)
    listed = ", ".join(map(str, numbers[:MOST_NAMED]))
    more = len(numbers) - MOST_NAMED
    listed += f" and {more} more" if more > 0 else ""
    return f"slice {listed} is" if len(numbers) == 1 else f"slices {listed} are"


def _inverted(next_to: Array, usual: float) -> list[int]:
    """Return the smaller group of slices if each change between the groups inverts them."""
    if usual <= ALIKE:
        return []
    turns = np.concatenate([[0], np.cumsum(next_to < -INVERTED * usual)]) % 2
    fewer = 1 if turns.mean() <= 0.5 else 0
    return np.flatnonzero(turns == fewer).tolist() if turns.any() else []


def _unlike(next_to: Array, usual: float) -> list[int]:
    """Return slices unlike all neighbours; at an end, only if the neighbour is like the next."""
    spread = 1.4826 * float(np.median(np.abs(next_to - usual)))
    low = next_to < min(UNLIKE * usual, usual - FAR * spread)
    if usual <= ALIKE:
        return []
    inside = [k for k in range(1, len(low)) if low[k - 1] and low[k]]
    first = [0] if low[0] and not low[1] else []
    last = [len(low)] if low[-1] and not low[-2] else []
    return [*first, *inside, *last]


def _jumps(next_to: Array) -> list[int]:
    """Return the first of two neighbours unlike each other, but like their other neighbours."""
    usual = float(np.median(np.abs(next_to)))
    spread = 1.4826 * float(np.median(np.abs(next_to - usual)))
    low = next_to < min(JUMP * usual, usual - FAR * spread)
    return [k for k in range(1, len(low) - 1) if low[k] and not low[k - 1] and not low[k + 1]]


def _odd_in_tone(ends: Array) -> list[int]:
    """Return slices whose darkest or brightest pixels deviate from those of the slices around."""
    apart = np.zeros(len(ends))
    for k in range(len(ends)):
        around = [j for j in range(max(0, k - AROUND), k + AROUND + 1) if j != k and j < len(ends)]
        apart[k] = np.abs(ends[k] - np.median(ends[around], axis=0)).max()
    return np.flatnonzero(apart > max(OFF, OFTEN * float(np.median(apart)))).tolist()


def _swapped(by_step: Mapping[int, Array]) -> Iterator[int]:
    """Yield the first of two neighbours that each resemble the slice beyond the other."""
    next_to, beyond = by_step[1], by_step[2]
    usual = float(np.median(next_to))
    lost = usual - float(np.median(beyond))
    spread = 1.4826 * float(np.median(np.abs(next_to - usual)))
    for k in range(1, len(next_to) - 1):
        won = min(beyond[k - 1] - next_to[k - 1], beyond[k] - next_to[k + 1])
        if won > max(WON * lost, 2 * spread) and lost > 0:
            yield k
