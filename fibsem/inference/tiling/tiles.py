"""Tiles of a slice, chosen for a memory budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fibsem.inference.model.segmenter import Scorer

#: Share of the memory for feature maps; the rest is for slices, scores and the runtime.
SHARE_FOR_MAPS = 0.4
#: Largest side of a tile: larger ones are no faster, as the halo is only a few per cent of them.
LARGEST = 1536
#: Side of a tile in patch mode, from which patches are cut batch by batch.
PATCH_TILE = 256
#: Smallest side of a tile: smaller ones are nearly all halo.
SMALLEST = 32

Tile = tuple[slice, slice]


@dataclass(frozen=True)
class Room:
    """Memory limits for the choice of tiles.

    Attributes
    ----------
    memory_gib
        Memory of a process.
    held_gib
        Part of it that is not available for the feature maps of a tile.
    side
        Largest side of a tile in pixels, from the option ``tile``; None: the fastest.

    Examples
    --------
    >>> Room(4.0, side=512)
    Room(memory_gib=4.0, held_gib=0.0, side=512)
    """

    memory_gib: float
    held_gib: float = 0.0
    side: int | None = None


@dataclass(frozen=True)
class Tiling:
    """Tiles of ``height`` x ``width`` that cover a slice.

    They start at multiples of ``alignment``. If that is 1 the last tiles are moved inwards, so that
    all have one shape; else the last tiles are smaller.
    """

    slice_shape: tuple[int, int]
    height: int
    width: int
    alignment: int = 1

    @property
    def tiles(self) -> list[Tile]:
        """Rows and columns of every tile."""
        sides = (
            spans(extent, tile, inwards=self.alignment == 1)
            for extent, tile in zip(self.slice_shape, (self.height, self.width), strict=True)
        )
        rows, columns = sides
        return [(row, column) for row in rows for column in columns]

    @property
    def halved(self) -> Tiling:
        """Tiles of half the side, for less memory."""
        return even_tiling(self.slice_shape, max(self.height, self.width) // 2, self.alignment)


def spans(extent: int, tile: int, *, inwards: bool) -> list[slice]:
    """Return the spans of tiles that cover an axis; the last one ends at the end of the axis.

    >>> spans(10, 4, inwards=True), spans(10, 4, inwards=False)[-1]
    ([slice(0, 4, None), slice(4, 8, None), slice(6, 10, None)], slice(8, 10, None))
    """
    if inwards:
        starts = sorted({min(start, extent - tile) for start in range(0, extent, tile)})
    else:
        starts = list(range(0, extent, tile))
    return [slice(start, min(start + tile, extent)) for start in starts]


def choose_tiling(
    scorer: Scorer,
    slice_shape: tuple[int, int],
    memory_gib: float,
    side: int | None = None,
    held_gib: float = 0.0,
) -> Tiling:
    """Choose tiles of at most ``side`` pixels that fit into memory, of about equal size.

    Parameters
    ----------
    scorer
        Scorer whose feature maps must fit; members of an ensemble are computed in turn.
    slice_shape
        (y, x) of a slice.
    memory_gib
        Memory of the whole process.
    side
        Largest side; by default :data:`LARGEST`.
    held_gib
        Part of the memory that is not available for feature maps.
    """
    limit = min(side or LARGEST, largest_side(scorer, memory_gib, held_gib))
    return even_tiling(slice_shape, limit, scorer.alignment)


def even_tiling(slice_shape: tuple[int, int], limit: int, alignment: int = 1) -> Tiling:
    """Return the fewest tiles with sides up to ``limit`` for a slice, about equal in size."""
    limit = max(alignment, limit - limit % alignment)
    height, width = (_rounded(math.ceil(n / math.ceil(n / limit)), alignment) for n in slice_shape)
    return Tiling(slice_shape, height, width, alignment)


def largest_side(scorer: Scorer, memory_gib: float, held_gib: float = 0.0) -> int:
    """Return the side of the largest square tile whose feature maps fit into memory."""
    if scorer.mode == "patch":
        return PATCH_TILE
    area = min(SHARE_FOR_MAPS * memory_gib, memory_gib - held_gib) * 2**30
    sides = [
        math.isqrt(int(area / member.bytes_per_pixel)) - member.spec.window[0]
        for member in scorer.members
    ]
    return max(SMALLEST, min(LARGEST, *sides))


def _rounded(n: int, alignment: int) -> int:
    return math.ceil(n / alignment) * alignment
