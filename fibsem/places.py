"""Places of a film: squares that lie above each other, in whatever slices, are one place.

Neighbouring slices show nearly the same pores, and squares of one place err together. Whatever
takes things as independent takes places, not squares: forty slices of four tiles are four.

Squares that people draw slice by slice lie a few pixels aside, and some are larger than others:
they are one place all the same. As independent ones, in a phantom, they made an interval of 95 %
hold 75 % of the time (four each at five spots, a pixel aside; ``tests/test_places.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from fibsem.geometry import Box, Triple

T = TypeVar("T")

#: Name of a film, and where in its slices the first square of a place begins: y, x. What is larger
#: than a square is told from these by where it ends, -1 - y and -1 - x of that.
Place = tuple[str, int, int]
#: Share of the smaller of two squares that lies in the other, from which they are one place in
#: whatever slices, and where they are at most so many slices apart. Two of 256 pixels, drawn at
#: random over 768 x 1024, share as much as the first once in seventy pairs.
ALIKE, HALF, NEAR = 0.8, 0.5, 4
#: Pixels across the largest square. What is larger, as a mask of a whole slice, shows other pores
#: than what lies in it and is not half as large: only where it is near are they one place.
SQUARE, TWICE = 256, 2.0


@dataclass(frozen=True)
class Spot:
    """Where a square lies.

    Attributes
    ----------
    sample
        Name of the film.
    at
        Where it begins, (z, y, x).
    size
        Its height and width in pixels; None in records of earlier versions, of which a place is
        what begins at the same pixel.
    """

    sample: str
    at: Triple
    size: tuple[int, int] | None = None

    @property
    def is_square(self) -> bool:
        """Whether the spot is no larger than squares are."""
        return max(self.size or (0, 0)) <= SQUARE

    @property
    def corner(self) -> Place:
        """The film, and where in the slice the spot begins; of what is no square, below zero.

        So that a square in its corner is another one.
        """
        _, y, x = self.at
        if self.size is None or self.is_square:
            return self.sample, y, x
        return self.sample, ~(y + self.size[0]), ~(x + self.size[1])

    @classmethod
    def of(cls, sample: str, box: Box) -> Spot:
        """Where a region of one slice lies."""
        _, height, width = box.shape
        return cls(sample, box.start, (height, width))


def places_of(spots: Iterable[Spot]) -> list[Place]:
    """The place of every square: that of the first square that it lies above or below.

    It does where both begin at the same pixel, where one shares most of its pixels with the other,
    or half of them a few slices apart. The largest come first, in whatever order they are given. It
    is the first one that counts, not any that was added to it: over a film in which squares lie at
    random all would hang together.

    >>> tile = (8, 8)
    >>> places_of([Spot("A", (0, 8, 8), tile), Spot("A", (9, 9, 8), tile), Spot("A", (0, 8, 16))])
    [('A', 8, 8), ('A', 8, 8), ('A', 8, 16)]
    """
    some = list(spots)
    films: dict[str, dict[Place, list[Spot]]] = {}
    for spot in some:
        films.setdefault(spot.sample, {}).setdefault(spot.corner, []).append(spot)
    place_of: dict[Place, Place] = {}
    for corners in films.values():
        named = list(corners)
        firsts = _firsts(list(corners.values()))
        place_of |= {corner: named[first] for corner, first in zip(named, firsts, strict=True)}
    return [place_of[spot.corner] for spot in some]


def _firsts(corners: Sequence[Sequence[Spot]]) -> list[int]:
    """For squares of one film by the pixel at which they begin: which of them say their place."""
    starts = np.array([squares[0].at[1:] for squares in corners], np.int64)
    sizes = np.array([_size(squares) for squares in corners], np.int64)
    areas = np.prod(sizes, axis=1)
    is_square = np.array([some[0].is_square for some in corners], bool)
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
                if alike[j] or _apart(squares, corners[saying[j]]) <= NEAR
            ),
            k,
        )
        if firsts[k] == k:
            saying.append(k)
    return firsts


def _size(squares: Sequence[Spot]) -> tuple[int, int]:
    """Size of the largest of some squares that begin at one pixel; 0 where no record tells it."""
    return max((square.size or (0, 0) for square in squares), key=lambda size: size[0] * size[1])


def _apart(some: Sequence[Spot], others: Sequence[Spot]) -> int:
    """Slices between the nearest two of some squares."""
    one, other = (np.array([square.at[0] for square in squares]) for squares in (some, others))
    return int(np.abs(one[:, None] - other).min())


def by_place(squares: Iterable[tuple[Spot, T]]) -> dict[Place, list[T]]:
    """What belongs to the squares of each place, in the order in which places are met.

    Parameters
    ----------
    squares
        Where each lies, and what belongs to it.

    >>> spots = [Spot("A", at) for at in ((0, 8, 8), (0, 0, 8), (5, 8, 8))]
    >>> by_place(zip(spots, (1, 2, 3)))
    {('A', 8, 8): [1, 3], ('A', 0, 8): [2]}
    """
    some = list(squares)
    places: dict[Place, list[T]] = {}
    for place, (_, value) in zip(places_of(spot for spot, _ in some), some, strict=True):
        places.setdefault(place, []).append(value)
    return places


def means_by_place(squares: Iterable[tuple[Spot, float]]) -> list[float]:
    """Mean over the squares of every place.

    >>> spots = [Spot("A", at) for at in ((0, 8, 8), (0, 0, 8), (5, 8, 8))]
    >>> means_by_place(zip(spots, (1.0, 2.0, 4.0)))
    [2.5, 2.0]
    """
    return [float(np.mean(values)) for values in by_place(squares).values()]
