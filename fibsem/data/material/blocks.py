"""Rectangles of one value inside a slice: chunks that were never written, missing mosaic tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fibsem.data.material.parts import Rect

#: Side of the tiles that are looked at, and how many a block holds at least along both axes.
TILE, LEAST = 8, 3
#: Share of a block that has its value, and of a line just outside that may have it.
FULL, OUTSIDE = 0.995, 0.6


def blocks_of(image: npt.NDArray[Any]) -> list[Rect]:
    """Rectangles of one value, whatever is black or saturated beside them.

    A blob of clipped pores holds tiles of one value, too, but the lines just outside of any
    rectangle in it have that value as well.
    """
    height, width = (n // TILE * TILE for n in image.shape)
    tiles = image[:height, :width].reshape(height // TILE, TILE, width // TILE, TILE)
    low = tiles.min(axis=(1, 3))
    flat = low == tiles.max(axis=(1, 3))
    found: list[Rect] = []
    if np.count_nonzero(flat) < LEAST**2:
        return found
    for value in np.unique(low[flat]):
        groups, _ = ndimage.label(flat & (low == value))
        same = image == value
        for rows, columns in ndimage.find_objects(groups):
            if min(rows.stop - rows.start, columns.stop - columns.start) < LEAST:
                continue
            start = [rows.start * TILE, columns.start * TILE]
            stop = [rows.stop * TILE, columns.stop * TILE]
            rect = _grown(same, start, stop)
            if rect is not None:
                found.append(rect)
    return found


def _grown(same: npt.NDArray[np.bool_], start: list[int], stop: list[int]) -> Rect | None:
    """The rectangle around some tiles, or None where its edges are not straight."""
    if same[start[0] : stop[0], start[1] : stop[1]].mean() < FULL:
        return None
    for axis in (0, 1):
        lines = same if axis == 0 else same.T
        across = slice(start[1 - axis], stop[1 - axis])
        while start[axis] > 0 and lines[start[axis] - 1, across].mean() >= FULL:
            start[axis] -= 1
        while stop[axis] < len(lines) and lines[stop[axis], across].mean() >= FULL:
            stop[axis] += 1
    for axis in (0, 1):
        lines = same if axis == 0 else same.T
        across = slice(start[1 - axis], stop[1 - axis])
        outside = [k for k in (start[axis] - 1, stop[axis]) if 0 <= k < len(lines)]
        if any(lines[k, across].mean() > OUTSIDE for k in outside):
            return None
    return Rect("block", start[0], start[1], stop[0], stop[1])
