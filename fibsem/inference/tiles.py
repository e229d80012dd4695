"""Tiles of one slice: of one size, so that a network sees one shape; chosen for a memory budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from fibsem.models.spec import DENSE_WIDTHS, ModelSpec, block_filters

#: Share of the budget for feature maps; the rest is for slices, scores and the runtime itself.
SHARE_FOR_MAPS = 0.4
#: Feature maps alive at once, as multiples of one layer's input and output (measured: below 2).
MAPS_ALIVE = 2.0
#: Larger tiles are no faster: the halo is a few per cent of them.
LARGEST = 1536
#: Side of a tile in patch mode; its patches are cut from it batch by batch.
PATCH_TILE = 256


@dataclass(frozen=True)
class Tiling:
    """Tiles of ``height`` x ``width`` that cover a slice; the last ones are moved inwards."""

    slice_shape: tuple[int, int]
    height: int
    width: int

    @property
    def corners(self) -> list[tuple[int, int]]:
        """Upper left corner of every tile, (y, x)."""
        return [
            (y, x)
            for y in starts(self.slice_shape[0], self.height)
            for x in starts(self.slice_shape[1], self.width)
        ]


def starts(extent: int, tile: int) -> list[int]:
    """Where tiles of one size start so that they cover an axis; the last one ends at its end.

    >>> starts(10, 4)
    [0, 4, 6]
    """
    return sorted({min(k * tile, extent - tile) for k in range(math.ceil(extent / tile))})


def bytes_per_pixel(spec: ModelSpec, precision: str) -> float:
    """Memory of the dense form's feature maps for each pixel of a tile."""
    hp = spec.hyperparameters
    widths = [spec.nbhd.z]
    for filters in block_filters(hp["filters"], hp["blocks"]):
        widths += [filters, filters]
    widths += DENSE_WIDTHS[: hp["dense_layers"]]
    pair = max(a + b for a, b in pairwise(widths))
    return MAPS_ALIVE * pair * (2 if precision == "bfloat16" else 4)


def choose_tiling(
    spec: ModelSpec, slice_shape: tuple[int, int], memory_gib: float, precision: str
) -> Tiling:
    """Choose the largest tiles that the budget admits; balanced, so that little is done twice."""
    side = PATCH_TILE
    if spec.convertible:
        area = SHARE_FOR_MAPS * memory_gib * 2**30 / bytes_per_pixel(spec, precision)
        side = max(32, min(LARGEST, math.isqrt(int(area)) - spec.nbhd.x))
    height, width = (math.ceil(n / math.ceil(n / side)) for n in slice_shape)
    return Tiling(slice_shape, height, width)
