"""Places of a film: squares that lie above each other, in any slices, form one place.

Neighbouring slices show nearly the same pores, so that errors of squares of one place are
correlated. Statistics that assume independence use places rather than squares: forty slices of four
tiles are four places.

Squares that are drawn by hand in several slices differ by a few pixels in position and size, but
are one place all the same. Treating them as independent in a phantom made a 95 % interval cover the
truth only 75 % of the time (four each at five spots, a pixel apart; ``tests/test_places.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from fibsem.geometry import Box, Triple

T = TypeVar("T")

#: Name of a film, and the start (y, x) of the first square of a place within its slices. Regions
#: larger than a square have -1 - y and -1 - x of their end instead, so that the two never coincide.
Place = tuple[str, int, int]
#: Overlap, as a share of the smaller square, from which two squares are one place in any slices
#: (ALIKE), or if they are at most NEAR slices apart (HALF). Two random squares of 256 pixels in
#: 768 x 1024 overlap by ALIKE once in seventy pairs.
ALIKE, HALF, NEAR = 0.8, 0.5, 4
#: Maximum side of a square in pixels, and maximum ratio of areas. A larger region, such as a mask
#: of a whole slice, shows other pores than a region of less than half its area within it; the two
#: are one place only if they are at most NEAR slices apart.
SQUARE, TWICE = 256, 2.0


@dataclass(frozen=True)
class Spot:
    """Position of a square.

    Attributes
    ----------
    sample
        Name of the film.
    at
        First voxel, (z, y, x).
    size
        Height and width in pixels; None in records of earlier versions, whose squares form one
        place if they begin at the same pixel.
    """

    sample: str
    at: Triple
    size: tuple[int, int] | None = None

    @property
    def is_square(self) -> bool:
        """Whether the spot is at most ``SQUARE`` pixels high and wide, or of unknown size."""
        return max(self.size or (0, 0)) <= SQUARE

    @property
    def corner(self) -> Place:
        """Film and start (y, x) of a square, or film and negated end of a larger region.

        A square in the corner of a larger region thus has another key than the region.
        """
        _, y, x = self.at
        if self.size is None or self.is_square:
            return self.sample, y, x
        return self.sample, ~(y + self.size[0]), ~(x + self.size[1])

    @classmethod
    def of(cls, sample: str, box: Box) -> Spot:
        """Return the position of a region of one slice, given by its box."""
        _, height, width = box.shape
        return cls(sample, box.start, (height, width))


def places_of(spots: Iterable[Spot]) -> list[Place]:
    """Return the place of every square, which is that of the first square it lies above or below.

    This is so if both begin at the same pixel, if they overlap by ``ALIKE``, or by ``HALF`` at most
    ``NEAR`` slices apart. Squares are processed from largest to smallest, in any order of input.
    They are compared with the first square of a place only, not with later ones: otherwise all
    squares at random positions of a film would be linked to one place.

    >>> tile = (8, 8)
    >>> places_of([Spot("A", (0, 8, 8), tile), Spot("A", (9, 9, 8), tile), Spot("A", (0, 8, 16))])
    [('A', 8, 8), ('A', 8, 8), ('A', 8, 16)]
    """
    all_spots = list(spots)
    films: dict[str, dict[Place, list[Spot]]] = {}
    for spot in all_spots:
        films.setdefault(spot.sample, {}).setdefault(spot.corner, []).append(spot)
    subfolder_of: dict[Place, Place] = {}
    for corners in films.values():
        named = list(corners)
        firsts = _firsts(list(corners.values()))
        subfolder_of |= {corner: named[first] for corner, first in zip(named, firsts, strict=True)}
    return [subfolder_of[spot.corner] for spot in all_spots]


def _firsts(corners: Sequence[Sequence[Spot]]) -> list[int]:
    """Return, for groups of squares with one start, the index of the group that is their place."""
    starts = np.array([squares[0].at[1:] for squares in corners], np.int64)
    sizes = np.array([_size(squares) for squares in corners], np.int64)
    areas = np.prod(sizes, axis=1)
    is_square = np.array([squares[0].is_square for squares in corners], bool)
    saying: list[int] = []
    firsts = list(range(len(corners)))
    for k in np.argsort(-areas, kind="stable").tolist():
        squares = corners[k]
        before = np.array(saying, np.int64)
        low = np.maximum(starts[before], starts[k])
        high = np.minimum(starts[before] + sizes[before], starts[k] + sizes[k])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        share = shared / np.maximum(1, np.minimum(areas[before], areas[k]))
        of_a_size = areas[before] < TWICE * np.maximum(1, areas[k])
        both_squares = squares[0].is_square & is_square[before]
        alike = (share >= ALIKE) & (both_squares | of_a_size)
        firsts[k] = next(
            (
                saying[j]
                for j in np.flatnonzero(share >= HALF).tolist()
                if alike[j] or _slices_between(squares, corners[saying[j]]) <= NEAR
            ),
            k,
        )
        if firsts[k] == k:
            saying.append(k)
    return firsts


def _size(squares: Sequence[Spot]) -> tuple[int, int]:
    """Return the size of the largest square of a group with one start; (0, 0) if unknown."""
    return max((square.size or (0, 0) for square in squares), key=lambda size: size[0] * size[1])


def _slices_between(group: Sequence[Spot], others: Sequence[Spot]) -> int:
    """Return the distance in slices between the nearest squares of two groups."""
    one, other = (np.array([square.at[0] for square in squares]) for squares in (group, others))
    return int(np.abs(one[:, None] - other).min())


def by_place(squares: Iterable[tuple[Spot, T]]) -> dict[Place, list[T]]:
    """Group values of squares by place, in the order of first occurrence.

    Parameters
    ----------
    squares
        Pairs of the position of a square and its value.

    >>> spots = [Spot("A", at) for at in ((0, 8, 8), (0, 0, 8), (5, 8, 8))]
    >>> by_place(zip(spots, (1, 2, 3)))
    {('A', 8, 8): [1, 3], ('A', 0, 8): [2]}
    """
    all_squares = list(squares)
    places: dict[Place, list[T]] = {}
    for place, (_, value) in zip(
        places_of(spot for spot, _ in all_squares), all_squares, strict=True
    ):
        places.setdefault(place, []).append(value)
    return places


def means_by_place(squares: Iterable[tuple[Spot, float]]) -> list[float]:
    """Return the mean over the squares of each place, in the order of :func:`by_place`.

    >>> spots = [Spot("A", at) for at in ((0, 8, 8), (0, 0, 8), (5, 8, 8))]
    >>> means_by_place(zip(spots, (1.0, 2.0, 4.0)))
    [2.5, 2.0]
    """
    return [float(np.mean(values)) for values in by_place(squares).values()]
