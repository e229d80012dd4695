"""Fill along a side of a slice, up to a straight line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.parts import SIDES, Part, Rect, Side, Wedge, from_top

IntArray = npt.NDArray[np.intp]

#: Pixels between a sharp edge and its line, and an edge that was compressed and its line.
SHARP, BLURRED = 1, 8
#: Share of a side at its line that is enough alone, and in neighbouring slices, too: black pores
#: behind an edge go on from it.
ALONE, TOGETHER = 0.9, 0.4
#: With the fill of a side beside it, which ends as straight: a film that was moved to a corner.
CORNERED = 0.6
#: Share of a side where the fill may end before its line.
BEFORE = 0.03
#: Share of a side, and pixels, that the fill of a turned film takes at least.
LEAST_SHARE, LEAST_PX = 0.1, 16
#: Share of its pixels at the side that have one value: compression leaves most, a film has many.
ONE_VALUE = 0.25
#: Its depth at the corner and its slope, 11 degrees, up to which any such fill in its neighbours
#: proves it; a finer or steeper one must be there along the same line, give or take pixels.
SURE_DEPTH, SURE_SLOPE, SAME_LINE = 3, 0.2, 2
#: Such ones at their finest and steepest, and the share of their side that has to be at the line.
LEAST_DEPTH, STEEPEST, MOSTLY = 0.7, 1.2, 0.8
#: Pixels behind an edge where film has to be, and share of them that may have the fill's value.
BEHIND, OUTSIDE = 3, 0.6
#: Lines that are tried.
TRIED = 200
#: Rows behind an edge that an interpolation may have mixed with fill.
MIXED = 8


@dataclass(frozen=True)
class Edge:
    """Fill of one value from a side to a line.

    Attributes
    ----------
    side
        Of the slice.
    first, last
        Depth at the side's first and last pixel.
    value
        Of the fill.
    straight
        Share of the side that ends at the line, which may prove it alone; 0 of a slanted one. Else
        the same edge in neighbouring slices has to.
    sure
        Whether any edge of its fill in a neighbour does; else one along the same line has to.
    ends
        Pixels at its first and its last end where the fill goes on to the other side of the slice.
    of
        Pixels of the slice away from the side.
    """

    side: Side
    first: float
    last: float
    value: float
    straight: float
    sure: bool = True
    ends: tuple[int, int] = (0, 0)
    of: int = 1

    @property
    def alone(self) -> bool:
        """Whether the slice alone proves it."""
        return self.straight >= ALONE

    @property
    def is_flat(self) -> bool:
        """Whether a rim may be that of a moved slice: parallel to its side, and no single line."""
        return self.straight >= TOGETHER and self.first >= 2

    def is_cornered(self, other: Edge, tolerance: float) -> bool:
        """Whether the edge of another side of the slice proves this one: fill around a corner."""
        crossing = (self.side in ("top", "bottom")) != (other.side in ("top", "bottom"))
        both = min(self.straight, other.straight) >= CORNERED and min(self.first, other.first) >= 2
        return crossing and both and abs(self.value - other.value) <= tolerance

    def fits(self, edges: Mapping[Side, Edge]) -> bool:
        """Whether fill at its ends that goes on through the slice is that of the sides beside it.

        A saturated solid goes on wherever no pore is: it has no edge there.
        """
        beside: tuple[Side, Side] = ("left", "right")
        if self.side in beside:
            beside = ("top", "bottom")
        depths = (max(one.first, one.last) if (one := edges.get(s)) else 0.0 for s in beside)
        pairs = zip(self.ends, depths, strict=True)
        return all(abs(end - depth) <= BLURRED for end, depth in pairs if end > SHARP)

    def is_again(self, other: Edge, tolerance: float) -> bool:
        """Whether the edge of a neighbouring slice, at the same side, proves this one."""
        moved = max(abs(self.first - other.first), abs(self.last - other.last))
        return abs(self.value - other.value) <= tolerance and (self.sure or moved <= SAME_LINE)

    def part(self, height: int, width: int) -> Part:
        """The fill, in a slice of this size."""
        if self.first != self.last:
            return Wedge(self.side, self.first, self.last)
        depth = int(self.first)
        match self.side:
            case "top":
                return Rect("rim", 0, 0, depth, width)
            case "bottom":
                return Rect("rim", height - depth, 0, height, width)
            case "left":
                return Rect("rim", 0, 0, height, depth)
            case _:
                return Rect("rim", 0, width - depth, height, width)


@dataclass(frozen=True)
class Border:
    """One side of a slice: what is found, or what only has the value.

    Attributes
    ----------
    edge
        None where there is no straight one.
    filled, share
        Mean depth of the pixels of one value along the side, and the share of the side that begins
        with it, where there is none.
    """

    edge: Edge | None = None
    filled: float = 0.0
    share: float = 0.0


def look_around(image: npt.NDArray[Any], tolerance: float) -> dict[Side, Border]:
    """Look for fill along all sides of a slice, of which one explains where another one ends.

    Parameters
    ----------
    image : (y, x)
        Grey values as they are stored.
    tolerance
        Grey values within which fill varies that was compressed.
    """
    borders = {side: look_at(image, side, tolerance) for side in SIDES}
    edges = {side: border.edge for side, border in borders.items() if border.edge}
    return {
        side: Border() if border.edge and not border.edge.fits(edges) else border
        for side, border in borders.items()
    }


def look_at(image: npt.NDArray[Any], side: Side, tolerance: float) -> Border:
    """Look for fill along a side of a slice.

    Parameters
    ----------
    image : (y, x)
        Grey values as they are stored.
    side
        Which one.
    tolerance
        Grey values within which fill varies that was compressed.
    """
    view = from_top(image, side)
    values, counts = np.unique(view[0], return_counts=True)
    value = float(values[counts.argmax()])
    near = float(np.mean(np.abs(view[0].astype(np.float32) - value) <= tolerance))
    if near < LEAST_SHARE or counts.max() < ONE_VALUE * near * counts.sum():
        return Border()
    depth = _depths(view, value, tolerance)
    within = np.flatnonzero(depth < len(view))
    if len(within) < max(LEAST_PX // 2, LEAST_SHARE * depth.size):
        return Border()
    ends = int(within[0]), int(depth.size - 1 - within[-1])  # of a rim at another side, if any is
    reached = np.arange(within[0], within[-1] + 1)
    edge = _flat(view, side, depth, reached, value, tolerance)
    edge = edge or _slanted(side, depth, reached, value)
    if edge and not _ends_in_film(view, edge, reached, tolerance):
        edge = None
    if edge is None or not edge.sure:
        edge = _compressed(view, side, reached, value, tolerance) or edge
    if edge:
        return Border(replace(edge, ends=ends, of=len(view)))
    return Border(None, float(depth[reached].mean()), float(np.mean(depth[reached] > 0)))


def _depths(view: npt.NDArray[Any], value: float, tolerance: float) -> IntArray:
    """Pixels of the fill's value from the side inwards, in every column."""
    depth = np.zeros(view.shape[1], np.intp)
    running = np.arange(view.shape[1])
    for start in range(0, len(view), 64):  # most columns end soon
        rows = view[start : start + 64, running].astype(np.float32)
        other = np.abs(rows - value) > tolerance
        ends = other.any(axis=0)
        depth[running] = start + np.where(ends, other.argmax(axis=0), len(rows))
        running = running[~ends]
        if not running.size:
            break
    return depth


def _ends_in_film(view: npt.NDArray[Any], edge: Edge, reached: IntArray, tolerance: float) -> bool:
    """Whether there is film right behind an edge: behind a crack a saturated solid goes on."""
    line = np.rint(np.linspace(edge.first, edge.last, view.shape[1])[reached]).astype(np.intp)
    behind = np.maximum(line, 0) + BEHIND
    inside = (behind < len(view)) & (line > 0)
    values = view[behind[inside], reached[inside]].astype(np.float32)
    return not values.size or np.mean(np.abs(values - edge.value) <= tolerance) <= OUTSIDE


def _flat(
    view: npt.NDArray[Any],
    side: Side,
    depth: IntArray,
    reached: IntArray,
    value: float,
    tolerance: float,
) -> Edge | None:
    """A line parallel to the side."""
    depths = depth[reached]
    line = int(np.bincount(depths).argmax())
    for reach in (SHARP, BLURRED):
        near = float(np.mean(np.abs(depths - line) <= reach))
        before = float(np.mean(depths < line - reach))
        if line < (1 if reach == SHARP else 2 * BLURRED) or before > BEFORE or near < TOGETHER:
            continue
        if near < ALONE and (reach == BLURRED or line < 2):
            continue
        if reach == BLURRED:  # what lies before the line is its blur
            line = int(np.quantile(depths[np.abs(depths - line) <= reach], 0.9))
        line += _mixed(view[:, reached], line, value, tolerance)
        return Edge(side, line, line, value, near)
    return None


def _mixed(view: npt.NDArray[Any], line: int, value: float, tolerance: float) -> int:
    """Rows behind a line whose mean is drawn towards the fill."""
    rows = view[line : line + 4 * MIXED].astype(np.float64).mean(axis=1)
    if len(rows) < 4 * MIXED:
        return 0
    inner = rows[MIXED:].mean()
    if abs(inner - value) < 5 * tolerance:  # grey fill: nothing can be said
        return 0
    drawn = np.abs(rows[:MIXED] - value) < 0.75 * abs(inner - value)
    return MIXED if drawn.all() else int(drawn.argmin())


def _slanted(side: Side, depth: IntArray, reached: IntArray, value: float) -> Edge | None:
    """A line that leaves the side at one end, or is not parallel to it."""
    filled = reached[depth[reached] > 0]
    least = max(LEAST_PX, LEAST_SHARE * depth.size)
    ends = [float(np.mean(depth[part] > 0)) for part in (slice(LEAST_PX), slice(-LEAST_PX, None))]
    if len(filled) < least or max(ends) < ALONE:  # it begins at a corner
        return None
    rng = np.random.default_rng(0)
    one, other = rng.choice(filled, (2, TRIED))
    apart = np.abs(other - one) >= len(filled) / 4
    one, other = one[apart], other[apart]
    slope = (depth[other] - depth[one]) / (other - one)
    one, slope = one[np.abs(slope) <= STEEPEST], slope[np.abs(slope) <= STEEPEST]
    if not one.size:
        return None
    lines = depth[one][:, None] + slope[:, None] * (reached - one[:, None])
    off = np.abs(depth[reached] - lines)
    at = (off <= SHARP) & (lines > 0) & (depth[reached] > 0)
    ends_before = depth[reached] < np.maximum(lines, 0) - SHARP
    best = int(
        (at.sum(axis=1) - 0.5 * (off * at).sum(axis=1) - 3 * ends_before.sum(axis=1)).argmax()
    )
    line, shown = lines[best], lines[best] > 0.5
    if np.count_nonzero(line > 0) < least or line.max() < LEAST_DEPTH:
        return None
    near, before = float(np.mean(at[best][shown])), float(np.mean(ends_before[best]))
    sure = bool(line.max() >= SURE_DEPTH and abs(slope[best]) <= SURE_SLOPE)
    # beyond the end of the line its side shows the film, where black pores may touch it
    if near < (TOGETHER if sure else MOSTLY) or before > BEFORE:
        return None
    ends = depth[one[best]] + slope[best] * (np.array([0, depth.size - 1]) - one[best])
    fitted = ends + SHARP  # a turned edge is interpolated
    return Edge(side, float(fitted[0]), float(fitted[1]), value, straight=0.0, sure=sure)


def _compressed(
    view: npt.NDArray[Any], side: Side, reached: IntArray, value: float, tolerance: float
) -> Edge | None:
    """A narrow rim that lossy compression has made wavy: rows of little spread near its value.

    Its edge is as abrupt as compression leaves it; a rough surface before the black is not.
    """
    rows = view[: 6 * MIXED, reached].astype(np.float64)
    if len(rows) < 6 * MIXED:
        return None
    means, spread, inner = rows.mean(axis=1), rows.std(axis=1), rows[3 * MIXED :]
    away = abs(inner.mean() - value)
    if away < 5 * tolerance:
        return None
    fill = (np.abs(means - value) < 0.15 * away) & (spread < 0.4 * inner.std())
    film = np.abs(means - value) >= 0.75 * away
    first, line = int(fill.argmin()), int(film.argmax())
    if not 2 <= first <= line <= min(first + MIXED // 2, 2 * MIXED):
        return None
    return Edge(side, line, line, value, straight=0.0)
