"""The sequence of slices: alternating kinds, and slices that repeat earlier ones.

Two detectors in one stack, or a stack appended to itself, are read without an error and measured; a
warning reports them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
#: Subsampled pixels of a slice.
Some = npt.NDArray[np.float32]

#: Numbers of kinds of slices that may alternate, and minimum number of rounds.
ORDINALS, ROUNDS = {2: "second", 3: "third", 4: "fourth"}, 3
#: Minimum excess of the correlation of slices a round apart over those in between, and share of the
#: slices with this excess.
BEYOND, MOSTLY = 0.1, 0.9
#: Minimum difference of neighbours in their darkest and brightest pixels, in units of the contrast
#: and as a ratio to the difference of slices a round apart.
APART, OFTEN = 0.07, 6.0
#: Side in pixels of a tile that is compared, and minimum number of its grey values: fill, clipped
#: pores and phases without noise are equal without being copied.
TILE, VALUES = 8, 12
#: Minimum number of different slices for a message about repeated ones.
FEWEST_DIFFERENT = 3


def in_turn(ends: Array, by_step: Mapping[int, Array]) -> int | None:
    """Number of kinds of slices that alternate, or None if all are of one kind.

    Parameters
    ----------
    ends
        Darkest and brightest grey values of every slice, in units of the contrast.
    by_step
        Correlation of each slice with the slice that is the given number of steps later.
    """
    for kinds in ORDINALS:
        if len(ends) >= ROUNDS * kinds and (
            _differ_in_tone(ends, kinds) or _differ_in_content(by_step, kinds)
        ):
            return kinds
    return None


def _differ_in_tone(ends: Array, kinds: int) -> bool:
    """Whether neighbours differ in grey values, while slices a round apart agree.

    At least two pairs of neighbours in each round have slices of two kinds.
    """
    beside = np.abs(np.diff(ends, axis=0)).max(axis=1)
    same = np.abs(ends[kinds:] - ends[:-kinds]).max(axis=1)
    bound = max(APART, OFTEN * float(np.median(same)))
    return bool(np.quantile(beside, 1 - 1.5 / kinds) > bound)


def _differ_in_content(by_step: Mapping[int, Array], kinds: int) -> bool:
    """Whether slices are more similar to those a round later than to one of those between."""
    beyond = by_step[kinds]
    between = np.min([by_step[step][: len(beyond)] for step in range(1, kinds)], axis=0)
    return bool((beyond > between + BEYOND).mean() > MOSTLY)


def correlations(images: Sequence[Some]) -> dict[int, Array]:
    """Correlation of each slice with later ones, for every step up to the longest round."""
    return {
        step: np.array([correlation(*pair) for pair in zip(images, images[step:], strict=False)])
        for step in range(1, max(ORDINALS) + 1)
    }


def correlation(one: Some, other: Some) -> float:
    """Correlation of the pixels of two slices; 0 if one has no contrast."""
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt(np.vdot(a, a) * np.vdot(b, b)))
    return float(np.vdot(a, b)) / norm if norm else 0.0


def come_again(images: Sequence[Some]) -> dict[int, int]:
    """Map each slice that equals an earlier one, but not the one before it, to the earlier one.

    Returns an empty dict if hardly any slices differ.
    """
    first: dict[bytes, int] = {}
    again = {}
    for k, image in enumerate(images):
        before = first.setdefault(blake2b(image.tobytes()).digest(), k)
        if before != k and not np.array_equal(image, images[k - 1]):
            again[k] = before
    return again if len(first) >= FEWEST_DIFFERENT else {}


def same_part(one: Some, other: Some) -> float:
    """Share of a slice that is equal in another, in tiles or rows; 0 if all of it is.

    Tiles and rows of few grey values do not count.

    >>> film = np.random.default_rng(0).normal(size=(2, 64, 64)).astype(np.float32)
    >>> film[1, 32:] = film[0, 32:]
    >>> same_part(film[0], film[1])
    0.5
    """
    if np.array_equal(one, other):
        return 0.0
    return max(_same(one, other), _same(_tiles(one), _tiles(other)))


def _same(parts: Some, others: Some) -> float:
    """Share of the parts, (number, pixels), that are equal and show something."""
    same = (parts == others).all(axis=1)
    ordered = np.sort(parts[same], axis=1)
    same[same] = 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1) >= VALUES
    return float(same.mean()) if len(same) else 0.0


def _tiles(image: Some) -> Some:
    """Return the pixels of each whole square of ``TILE`` pixels, a row each."""
    rows, columns = (side // TILE for side in image.shape)
    tiles = image[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    return tiles.transpose(0, 2, 1, 3).reshape(-1, TILE * TILE)
