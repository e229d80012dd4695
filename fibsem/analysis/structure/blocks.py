"""Evenly spread, nearly cubic blocks of a film, for measures that are too large for all of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from fibsem.analysis.structure.film import Film
from fibsem.geometry import Box, Triple


def block_shape(film: Film, voxels: int) -> Triple:
    """Return the shape (z, y, x) of a block of at most ``voxels`` voxels.

    The block is a cube in physical units, unless the film is too short along an axis.

    >>> import numpy as np
    >>> block_shape(Film.of(np.zeros((20, 400, 400), np.uint8), (50.0, 10.0, 10.0)), 5000)
    (5, 29, 29)
    >>> block_shape(Film.of(np.zeros((2, 400, 400), np.uint8), (50.0, 10.0, 10.0)), 5000)
    (2, 50, 50)
    """
    free, volume, edges = {0, 1, 2}, voxels * math.prod(film.spacing), [0.0, 0.0, 0.0]
    while free:  # an axis on which the film is too short leaves more to the others
        side = volume ** (1 / len(free))
        short = {a for a in free if film.shape[a] * film.spacing[a] <= side}
        for axis in short or free:
            edges[axis] = film.shape[axis] * film.spacing[axis] if short else side
            volume /= edges[axis]
        free -= short or set(free)
    z, y, x = (max(1, int(e / s + 1e-6)) for e, s in zip(edges, film.spacing, strict=True))
    return z, y, x


def spread_blocks(film: Film, voxels: int, count: int) -> list[Box]:
    """Return about ``count`` evenly spread, disjoint blocks; fewer if the film has no room."""
    return spread(film, block_shape(film, voxels), count)


def spread(film: Film, shape: Triple, count: int) -> list[Box]:
    """Return about ``count`` disjoint blocks of a shape (z, y, x) that the film has room for."""
    room = [n // s for n, s in zip(film.shape, shape, strict=True)]
    numbers = _numbers(room, count)
    z, y, x = (list(_starts(n, s, k)) for n, s, k in zip(film.shape, shape, numbers, strict=True))
    return [
        Box(start, (start[0] + shape[0], start[1] + shape[1], start[2] + shape[2]))
        for start in product(z, y, x)
    ]


def _numbers(room: list[int], count: int) -> list[int]:
    """Return the number of blocks along each axis, at most ``count`` in all.

    One more is added to the axis along which the blocks are farthest apart, until none fits.
    """
    numbers = [1, 1, 1]
    while True:
        axes = [
            a
            for a in range(3)
            if numbers[a] < room[a] and math.prod(numbers) // numbers[a] * (numbers[a] + 1) <= count
        ]
        if not axes:
            return numbers
        widest = max(axes, key=lambda a: room[a] / numbers[a])
        numbers[widest] += 1


def _starts(extent: int, size: int, count: int) -> Iterator[int]:
    """Yield the starts of ``count`` parts of one size, spread over an extent with equal gaps."""
    gap = (extent - count * size) / count
    for k in range(count):
        yield round(gap / 2 + k * (size + gap))
