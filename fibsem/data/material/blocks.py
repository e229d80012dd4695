"""Find rectangles of one value in a slice: chunks never written, missing mosaic tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fibsem.data.material.glance import share_of
from fibsem.data.material.parts import Rect

#: Side of the tiles that are examined, and minimum number of them in a block along both axes.
TILE, LEAST = 8, 3
#: Minimum share of a block that has its value, and maximum share of a line just outside it.
FULL, OUTSIDE = 0.995, 0.6
#: Maximum share of a slice that blocks take: a saturated solid may have a few other pixels.
MOST = 0.95
#: Distance in lines that is checked outside, and minimum share of a line without other blocks.
BEYOND, ALONG = 3, 0.1


def blocks_of(image: npt.NDArray[Any]) -> list[Rect]:
    """Return the rectangles of one value, regardless of other black or saturated areas.

    A blob of clipped pores also holds tiles of one value, but the lines just outside of any
    rectangle in it have that value, too.
    """
    low, high = _extremes_of_tiles(image, np.minimum), _extremes_of_tiles(image, np.maximum)
    flat = low == high
    rects: list[Rect] = []
    if np.count_nonzero(flat) < LEAST**2:
        return rects
    for value in np.unique(low[flat]):
        # opening removes anything narrower than a block, such as black pores that touch one
        wide = ndimage.binary_opening(flat & (low == value), np.ones((LEAST, LEAST)))
        groups, count = ndimage.label(wide)
        for k in range(1, count + 1):
            rects += _together(image == value, groups == k)
    return rects


def _extremes_of_tiles(image: npt.NDArray[Any], which: np.ufunc) -> npt.NDArray[Any]:
    """Return the minimum or maximum of every tile; each axis in turn takes a tenth of the time."""
    height, width = (n // TILE * TILE for n in image.shape)
    rows = which.reduce(image[:height, :width].reshape(height // TILE, TILE, width), axis=1)
    columns = np.ascontiguousarray(rows.T).reshape(width // TILE, TILE, height // TILE)
    tiles: npt.NDArray[Any] = which.reduce(columns, axis=1).T
    return tiles


def _together(same: npt.NDArray[np.bool_], tiles: npt.NDArray[np.bool_]) -> list[Rect]:
    """Return the rectangle of some tiles, or several that touch; none if any is not straight.

    A mosaic may lack tiles around a corner.
    """
    rects = [_grown(same, TILE * np.array(ends)) for ends in _steps(tiles)]
    grown = [rect for rect in rects if rect is not None]
    if not grown or len(grown) < len(rects):
        return []
    covered = np.zeros_like(same)
    for rect in grown:
        covered[rect.y0 : rect.y1, rect.x0 : rect.x1] = True
    straight = all(_is_straight(same, covered, rect) for rect in grown)
    return grown if straight and share_of(covered) <= MOST else []


def _steps(tiles: npt.NDArray[np.bool_]) -> list[list[list[int]]]:
    """Split tiles into rectangles [[y0, y1], [x0, x1]] of rows with the same columns.

    >>> _steps(np.array([[1, 1], [1, 1], [1, 0]], bool))
    [[[0, 2], [0, 2]], [[2, 3], [0, 1]]]
    """
    steps: list[list[list[int]]] = []
    for y in np.flatnonzero(tiles.any(axis=1)).tolist():
        ends = np.flatnonzero(np.diff(np.pad(tiles[y], 1).astype(np.int8)))
        for columns in ends.reshape(-1, 2).tolist():
            above = next((step for step in steps if step == [[step[0][0], y], columns]), None)
            if above:
                above[0][1] = y + 1
            else:
                steps.append([[y, y + 1], columns])
    return steps


def _grown(same: npt.NDArray[np.bool_], ends: npt.NDArray[np.intp]) -> Rect | None:
    """Grow tiles [[y0, y1], [x0, x1]] to a rectangle; None if it is not full or too narrow."""
    start, stop = ends[:, 0].tolist(), ends[:, 1].tolist()
    if share_of(same[start[0] : stop[0], start[1] : stop[1]]) < FULL:
        return None
    for axis in (0, 1):
        lines = same if axis == 0 else same.T
        across = slice(start[1 - axis], stop[1 - axis])
        while start[axis] > 0 and share_of(lines[start[axis] - 1, across]) >= FULL:
            start[axis] -= 1
        while stop[axis] < len(lines) and share_of(lines[stop[axis], across]) >= FULL:
            stop[axis] += 1
    if min(b - a for a, b in zip(start, stop, strict=True)) < LEAST * TILE:
        return None
    return Rect("block", start[0], start[1], stop[0], stop[1])


def _is_straight(same: npt.NDArray[np.bool_], covered: npt.NDArray[np.bool_], rect: Rect) -> bool:
    """Whether the lines outside of a rectangle show something else, except where blocks are.

    Also checks a line further off, as there may be a crack between two parts of a saturated solid.
    """
    fill = same | covered
    for axis, (start, stop), (first, last) in (
        (0, (rect.y0, rect.y1), (rect.x0, rect.x1)),
        (1, (rect.x0, rect.x1), (rect.y0, rect.y1)),
    ):
        lines, blocks = (fill, covered) if axis == 0 else (fill.T, covered.T)
        for near, step in ((start - 1, -1), (stop, 1)):
            if not 0 <= near < len(lines):
                continue
            free = ~blocks[near, first:last]
            far = min(max(near + (BEYOND - 1) * step, 0), len(lines) - 1)
            for k in (near, far) if share_of(free) > ALONG else ():
                if share_of(lines[k, first:last][free]) > OUTSIDE:
                    return False
    return True
