"""How the slices of a film follow each other: kinds in turn, and slices that come again.

Two detectors in one stack, or a stack that was added to itself, are read without an error, and
measured all the same: a line says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
#: Pixels of a slice.
Some = npt.NDArray[np.float32]

#: Kinds of slices that may follow each other in turn, and rounds of them that must be there.
ORDINALS, ROUNDS = {2: "second", 3: "third", 4: "fourth"}, 3
#: Correlation that slices a round apart must have beyond that of those between, and how often.
BEYOND, MOSTLY = 0.1, 0.9
#: How far neighbours must be apart in darkest and brightest pixels: in the film's contrast, and
#: times what slices a round apart are.
APART, OFTEN = 0.07, 6.0
#: Different slices that a film must have before those that come again are told.
FEWEST_DIFFERENT = 3


def in_turn(ends: Array, alike: Mapping[int, Array]) -> int | None:
    """How many kinds of slices follow each other in turn; None where they are of one kind.

    Parameters
    ----------
    ends
        Darkest and brightest grey values of every slice, in the film's contrast.
    alike
        Correlation of each slice with the one so many steps on.
    """
    for kinds in ORDINALS:
        if len(ends) >= ROUNDS * kinds and (
            _differ_in_tone(ends, kinds) or _differ_in_content(alike, kinds)
        ):
            return kinds
    return None


def _differ_in_tone(ends: Array, kinds: int) -> bool:
    """Whether neighbours have other grey values, and slices a round apart the same.

    At least two of the pairs of a round are of two kinds.
    """
    beside = np.abs(np.diff(ends, axis=0)).max(axis=1)
    same = np.abs(ends[kinds:] - ends[:-kinds]).max(axis=1)
    bound = max(APART, OFTEN * float(np.median(same)))
    return bool(np.quantile(beside, 1 - 1.5 / kinds) > bound)


def _differ_in_content(alike: Mapping[int, Array], kinds: int) -> bool:
    """Whether slices are more like those a round on than like one of those between."""
    beyond = alike[kinds]
    between = np.min([alike[step][: len(beyond)] for step in range(1, kinds)], axis=0)
    return bool((beyond > between + BEYOND).mean() > MOSTLY)


def correlations(some: Sequence[Some]) -> dict[int, Array]:
    """Correlation of each slice with the one so many steps on, up to a round of all kinds."""
    return {
        step: np.array([correlation(*pair) for pair in zip(some, some[step:], strict=False)])
        for step in range(1, max(ORDINALS) + 1)
    }


def correlation(one: Some, other: Some) -> float:
    """Correlation of the pixels of two slices; 0 where one has no contrast."""
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    return float(np.vdot(a, b)) / norm if norm else 0.0


def come_again(some: Sequence[Some]) -> dict[int, int]:
    """Slices like an earlier one that is not the one before them, each with that one.

    None where the film has hardly any slices that differ.
    """
    first: dict[bytes, int] = {}
    again = {}
    for k, one in enumerate(some):
        before = first.setdefault(blake2b(one.tobytes()).digest(), k)
        if before != k and not np.array_equal(one, some[k - 1]):
            again[k] = before
    return again if len(first) >= FEWEST_DIFFERENT else {}
