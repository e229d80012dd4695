"""Places of a film: squares that lie above each other, in whatever slices, are one place.

Neighbouring slices show nearly the same pores, and squares of one place err together. Whatever
takes things as independent takes places, not squares: forty slices of four tiles are four.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

#: Name of a film, and where in its slices a square begins: y, x.
Place = tuple[str, int, int]


def by_place(squares: Iterable[tuple[str, Sequence[int], T]]) -> dict[Place, list[T]]:
    """What belongs to the squares of each place, in the order in which places are met.

    Parameters
    ----------
    squares
        Name of the film, where the square begins (z, y, x), and what belongs to it.

    >>> by_place([("A", (0, 8, 8), 1), ("A", (0, 0, 8), 2), ("A", (5, 8, 8), 3)])
    {('A', 8, 8): [1, 3], ('A', 0, 8): [2]}
    """
    places: dict[Place, list[T]] = {}
    for sample, (_, y, x), value in squares:
        places.setdefault((sample, y, x), []).append(value)
    return places


def means_by_place(squares: Iterable[tuple[str, Sequence[int], float]]) -> list[float]:
    """Mean over the squares of every place.

    >>> means_by_place([("A", (0, 8, 8), 1.0), ("A", (0, 0, 8), 2.0), ("A", (5, 8, 8), 4.0)])
    [2.5, 2.0]
    """
    return [float(np.mean(values)) for values in by_place(squares).values()]
