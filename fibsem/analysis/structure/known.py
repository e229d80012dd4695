"""Blocks of a film without unknown voxels, for measures of transport.

Unknown voxels are impassable, so that a lost slice or a rim without material would close every
block that contains one. Such blocks are moved to the nearest position without unknown voxels, at
the resolution of the film's cells: a cell with one unknown voxel is avoided as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.blocks import block_shape, spread, spread_blocks
from fibsem.analysis.structure.film import Film
from fibsem.geometry import Box, Triple

Mask = npt.NDArray[np.bool_]
Starts = npt.NDArray[np.int64]

#: Smallest number of voxels in a block.
FEWEST = 1000


def known_blocks(film: Film, known_cells: Mask, cell: Triple, voxels: int, count: int) -> list[Box]:
    """Return blocks as ``spread_blocks`` does, moved where they would contain unknown voxels.

    Parameters
    ----------
    known_cells : (z, y, x) bool
        Cells of the film in which every voxel is known.
    cell
        Voxels (z, y, x) of a cell.
    voxels
        Largest number of voxels in a block.
    count
        Largest number of blocks.

    Returns
    -------
    list of Box
        Disjoint blocks, smaller than ``voxels`` if no fully known block is that large. If none of
        1000 voxels is fully known, the blocks of ``spread_blocks``, which contain unknown voxels.
    """
    extents = [_longest(known_cells, axis) * cell[axis] for axis in range(3)]
    z, y, x = (min(n, m) for n, m in zip(extents, film.shape, strict=True))
    widest, size = replace(film, shape=(z, y, x)), voxels
    while size >= FEWEST and known_cells.any():
        shape = block_shape(widest, size)
        places = _places(film, known_cells, cell, shape)
        if placed := _nearest(film, known_cells, cell, spread(film, shape, count), places):
            return placed
        size //= 2
    return spread_blocks(film, voxels, count)


def _longest(known_cells: Mask, axis: int) -> int:
    """Return the longest run of planes across an axis that each contain a whole cell."""
    across = tuple(k for k in range(3) if k != axis)
    row = np.concatenate([[False], known_cells.any(axis=across), [False]])
    ends = np.flatnonzero(row[1:] != row[:-1])
    return int((ends[1::2] - ends[::2]).max(initial=0))


def _places(film: Film, known_cells: Mask, cell: Triple, shape: Triple) -> Starts:
    """Return the starts (k, 3) in voxels of all gap-free blocks of a shape that begin at a cell."""
    gaps = np.pad(~known_cells, ((1, 0),) * 3).astype(np.int64)
    for axis, (n, side) in enumerate(zip(shape, cell, strict=True)):
        sums, reach = np.moveaxis(gaps.cumsum(axis=axis), axis, 0), -(-n // side)
        gaps = np.moveaxis(sums[reach:] - sums[:-reach], 0, axis)
    starts = np.argwhere(gaps == 0) * cell
    return starts[(starts + shape <= film.shape).all(axis=1)]


def _nearest(
    film: Film, known_cells: Mask, cell: Triple, wanted: Sequence[Box], places: Starts
) -> list[Box]:
    """Move blocks to the nearest free position; drop those for which none is left."""
    placed: list[Box] = []
    for block in wanted:
        deep, high, wide = block.shape
        stays = [block.start] if _is_known(block, known_cells, cell) else []
        free = np.concatenate([np.reshape(stays, (-1, 3)), places]).astype(np.int64)
        for other in placed:
            free = free[(np.abs(free - other.start) >= block.shape).any(axis=1)]
        if len(free):
            away = np.square((free - block.start) * film.spacing).sum(axis=1)
            z, y, x = free[away.argmin()].tolist()
            placed.append(Box((z, y, x), (z + deep, y + high, x + wide)))
    return placed


def _is_known(block: Box, known_cells: Mask, cell: Triple) -> bool:
    """Return whether every voxel of a block lies in a fully known cell."""
    ends = zip(block.start, block.stop, cell, strict=True)
    return bool(known_cells[tuple(slice(a // side, -(-b // side)) for a, b, side in ends)].all())
