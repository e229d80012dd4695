"""Find fill along a side of a slice, up to a straight line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.parts import SIDES, Part, Rect, Side, Wedge, from_top

IntArray = npt.NDArray[np.intp]

#: Maximum distance in pixels of an edge from its line if it is sharp, and if it was compressed.
SHARP, BLURRED = 1, 8
#: Minimum share of a side that ends at its line as proof by itself, and if neighbouring slices
#: agree: black pores behind an edge extend the fill.
ALONE, TOGETHER = 0.9, 0.4
#: Minimum share of a side that ends at its line if the fill of an adjacent side does so, too: the
#: film was moved towards a corner.
CORNERED = 0.6
#: Maximum share of a side where the fill ends before its line.
BEFORE = 0.03
#: Minimum share of a side, and number of pixels, that the fill of a rotated film takes.
LEAST_SHARE, LEAST_PX = 0.1, 16
#: Minimum share of the fill's pixels at the side that have exactly one value: even compressed fill
#: has more, and film less.
ONE_VALUE = 0.25
#: Minimum depth at the corner and maximum slope (11 degrees) of a slanted edge that any such fill
#: in a neighbour proves; other edges must recur along the same line within this many pixels.
SURE_DEPTH, SURE_SLOPE, SAME_LINE = 3, 0.2, 2
#: Minimum depth and maximum slope of the other edges, and minimum share of their side at the line.
LEAST_DEPTH, STEEPEST, MOSTLY = 0.7, 1.2, 0.8
#: Distance in pixels behind an edge that must show film, and maximum share with the fill's value.
BEHIND, OUTSIDE = 3, 0.6
#: Number of lines that are tried.
TRIED = 200
#: Maximum number of rows behind an edge that interpolation may have mixed with fill.
MIXED = 8


@dataclass(frozen=True)
class Edge:
    """Fill of one value from a side to a line.

    Attributes
    ----------
    side
        The side of the slice.
    first, last
        Depth in pixels at the first and last pixel of the side.
    value
        Grey value of the fill.
    straight
        Share of the side that ends at the line, which may suffice as proof; 0 for a slanted edge.
        Else neighbouring slices must have the same edge.
    sure
        Whether any edge of the same fill in a neighbour is proof; else it must have the same line.
    ends
        Pixels at the first and last end where the fill reaches the opposite side of the slice.
    of
        Size of the slice in pixels perpendicular to the side.
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
        """Whether the slice alone proves the edge."""
        return self.straight >= ALONE

    @property
    def is_flat(self) -> bool:
        """Whether a moved slice may explain the edge: parallel to its side, over 1 pixel deep."""
        return self.straight >= TOGETHER and self.first >= 2

    def is_cornered(self, other: Edge, tolerance: float) -> bool:
        """Whether an edge of an adjacent side proves this edge: the fill goes around a corner."""
        crossing = (self.side in ("top", "bottom")) != (other.side in ("top", "bottom"))
        both = min(self.straight, other.straight) >= CORNERED and min(self.first, other.first) >= 2
        return crossing and both and abs(self.value - other.value) <= tolerance

    def fits(self, edges: Mapping[Side, Edge]) -> bool:
        """Whether fill through the whole slice at its ends belongs to the adjacent sides.

        A saturated solid also continues where there is no pore, but has no edge there.
        """
        beside: tuple[Side, Side] = ("left", "right")
        if self.side in beside:
            beside = ("top", "bottom")
        depths = (max(edge.first, edge.last) if (edge := edges.get(s)) else 0.0 for s in beside)
        pairs = zip(self.ends, depths, strict=True)
        return all(abs(end - depth) <= BLURRED for end, depth in pairs if end > SHARP)

    def is_again(self, other: Edge, tolerance: float) -> bool:
        """Whether an edge of a neighbouring slice, at the same side, proves this edge."""
        moved = max(abs(self.first - other.first), abs(self.last - other.last))
        return abs(self.value - other.value) <= tolerance and (self.sure or moved <= SAME_LINE)

    def part(self, height: int, width: int) -> Part:
        """Return the fill as part of a slice of this size."""
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
    """One side of a slice: the edge found, or else how much of it has one value.

    Attributes
    ----------
    edge
        None if there is no straight edge.
    filled, share
        Without an edge, the mean depth of the pixels of one value along the side, and the share of
        the side that begins with it.
    """

    edge: Edge | None = None
    filled: float = 0.0
    share: float = 0.0


def look_around(image: npt.NDArray[Any], tolerance: float) -> dict[Side, Border]:
    """Look for fill along all sides of a slice; an edge must agree with those of adjacent sides.

    Parameters
    ----------
    image : (y, x)
        Grey values as stored.
    tolerance
        Difference of grey values within which compressed fill varies.
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
        Grey values as stored.
    side
        The side to examine.
    tolerance
        Difference of grey values within which compressed fill varies.
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
    ends = int(within[0]), int(depth.size - 1 - within[-1])  # of rims at adjacent sides, if any
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
    """Number of pixels with the fill's value from the side inwards, in every column."""
    depth = np.zeros(view.shape[1], np.intp)
    running = np.arange(view.shape[1])
    for start in range(0, len(view), 64):  # most columns end within the first rows
        rows = view[start : start + 64, running].astype(np.float32)
        film = np.abs(rows - value) > tolerance
        ends = film.any(axis=0)
        depth[running] = start + np.where(ends, film.argmax(axis=0), len(rows))
        running = running[~ends]
        if not running.size:
            break
    return depth


def _ends_in_film(view: npt.NDArray[Any], edge: Edge, reached: IntArray, tolerance: float) -> bool:
    """Whether film lies right behind an edge; behind a crack, saturated solid continues."""
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
    """Fit a line parallel to the side, or return None."""
    depths = depth[reached]
    line = int(np.bincount(depths).argmax())
    for reach in (SHARP, BLURRED):
        near = float(np.mean(np.abs(depths - line) <= reach))
        before = float(np.mean(depths < line - reach))
        if line < (1 if reach == SHARP else 2 * BLURRED) or before > BEFORE or near < TOGETHER:
            continue
        if near < ALONE and (reach == BLURRED or line < 2):
            continue
        if reach == BLURRED:  # depths before the line are due to its blur
            line = int(np.quantile(depths[np.abs(depths - line) <= reach], 0.9))
        line += _mixed(view[:, reached], line, value, tolerance)
        return Edge(side, line, line, value, near)
    return None


def _mixed(view: npt.NDArray[Any], line: int, value: float, tolerance: float) -> int:
    """Number of rows behind a line whose mean is shifted towards the fill."""
    rows = view[line : line + 4 * MIXED].astype(np.float64).mean(axis=1)
    if len(rows) < 4 * MIXED:
        return 0
    inner = rows[MIXED:].mean()
    if abs(inner - value) < 5 * tolerance:  # grey fill: mixing cannot be detected
        return 0
    drawn = np.abs(rows[:MIXED] - value) < 0.75 * abs(inner - value)
    return MIXED if drawn.all() else int(drawn.argmin())


def _slanted(side: Side, depth: IntArray, reached: IntArray, value: float) -> Edge | None:
    """Fit a line that leaves the side at one end, or is not parallel to it, or return None."""
    filled = reached[depth[reached] > 0]
    least = max(LEAST_PX, LEAST_SHARE * depth.size)
    ends = [float(np.mean(depth[end] > 0)) for end in (slice(LEAST_PX), slice(-LEAST_PX, None))]
    if len(filled) < least or max(ends) < ALONE:  # the line must begin at a corner
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
    # beyond the end of the line black pores of the film may touch the side of the slice
    if near < (TOGETHER if sure else MOSTLY) or before > BEFORE:
        return None
    ends = depth[one[best]] + slope[best] * (np.array([0, depth.size - 1]) - one[best])
    fitted = ends + SHARP  # a turned edge is interpolated
    return Edge(side, float(fitted[0]), float(fitted[1]), value, straight=0.0, sure=sure)


def _compressed(
    view: npt.NDArray[Any], side: Side, reached: IntArray, value: float, tolerance: float
) -> Edge | None:
    """Find a narrow rim made wavy by lossy compression: rows of low spread near its value.

    Its edge is as abrupt as compression allows; a rough surface in front of black is not.
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
