"""The post-processing with the best mIoU in a time that hardly grows with the labels.

Whatever the squares' number and size, the grid is searched on a sample of them: first on a lattice
of its sigmas and thresholds, then everything around the best of each number of rounds and minimum
size. Only what is left of that is tried on every pixel, and there the best one is followed as long
as a neighbour is better.

The mIoU varies smoothly with sigma and threshold, by less than a thousandth from one to the next;
rounds and minimum sizes are few and alike, so each begins a climb of its own unless the sample says
that it is far behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from fibsem.analysis.postprocessing.grid_search import (
    BoolArray,
    DoubleArray,
    IndexArray,
    SearchGrid,
    Show,
    best_of,
    try_some,
)
from fibsem.analysis.postprocessing.steps import PostProcessing, ScoredSquare

#: Steps of the lattice in the grid: every third sigma, every eighth threshold.
COARSE = (3, 8)
#: Places around a best one that must be known before it is believed, on every pixel.
REACH = (2, 8)
#: What a number of rounds and a minimum size may be behind on the sample and still be tried.
BEHIND = 0.01

#: Number of rounds, minimum size, sigma and threshold, by their places in a grid.
GridPoint = tuple[int, int, int, int]


@dataclass(frozen=True)
class SampledParts:
    """Parts of the squares that stand for all of them, each with its margin and its weight."""

    squares: Sequence[ScoredSquare]
    weights: Sequence[float]


def search_by_sample(
    squares: Sequence[ScoredSquare],
    sample: SampledParts,
    grid: SearchGrid,
    progress: Show | None = None,
) -> tuple[PostProcessing, DoubleArray]:
    """Find the post-processing with the best pooled mIoU over the squares, by a sample of them.

    Parameters
    ----------
    squares, grid, progress
        As in :func:`~fibsem.analysis.postprocessing.search`; thresholds in any order.
    sample
        Is searched instead; see :func:`fibsem.data.pieces.draw_pieces`.

    Returns
    -------
    best : PostProcessing
        The best of those tried on every pixel: no combination within :data:`REACH` of it is
        better.
    surface : ndarray
        Pooled mIoU of what was tried on every pixel, (rounds, min_sizes, sigmas, thresholds)
        float64; that of the sample where only that was tried, nan elsewhere.
    """
    estimated = _of_sample(sample, grid, progress)
    surface, tried = np.full(grid.shape, np.nan), np.zeros(grid.shape, bool)
    wanted = _around(_tops(estimated, BEHIND), REACH, grid)
    while wanted.any():
        exact = try_some(squares, grid, wanted, progress)
        surface = np.where(np.isnan(exact), surface, exact)
        tried |= wanted
        wanted = _around(_tops(surface, BEHIND), REACH, grid) & ~tried
    return best_of(surface, grid), np.where(np.isnan(surface), estimated, surface)


def _of_sample(sample: SampledParts, grid: SearchGrid, progress: Show | None) -> DoubleArray:
    """Pooled mIoU on a sample: of a lattice, and of all that lies around its best places."""
    lattice = np.zeros(grid.shape, bool)
    sigmas, ascending = (_lattice(n, step) for n, step in zip(grid.shape[2:], COARSE, strict=True))
    lattice[:, :, sigmas[:, None], np.argsort(grid.thresholds, kind="stable")[ascending]] = True
    coarse = try_some(sample.squares, grid, lattice, progress, sample.weights)
    near = _around(_tops(coarse), COARSE, grid) & np.isnan(coarse)
    fine = try_some(sample.squares, grid, near, progress, sample.weights)
    return np.where(np.isnan(coarse), fine, coarse)


def _lattice(extent: int, step: int) -> IndexArray:
    """Every so many places, both ends in."""
    return np.unique(np.append(np.arange(0, extent, step), extent - 1))


def _tops(surface: DoubleArray, behind: float = np.inf) -> list[GridPoint]:
    """The best place of each number of rounds and minimum size, unless too far behind."""
    rounds, min_sizes, *inner = surface.shape
    tops: list[GridPoint] = []
    for r, m in product(range(rounds), range(min_sizes)):
        mious = surface[r, m]
        if not np.isnan(mious).all() and np.nanmax(mious) >= np.nanmax(surface) - behind:
            s, t = np.unravel_index(np.nanargmax(mious), inner)
            tops.append((r, m, int(s), int(t)))
    return tops


def _around(places: Sequence[GridPoint], reach: tuple[int, int], grid: SearchGrid) -> BoolArray:
    """What lies within so many sigmas and thresholds of some places."""
    near = np.zeros(grid.shape, bool)
    rank = np.argsort(np.argsort(grid.thresholds, kind="stable"))
    for r, m, s, t in places:
        beside = np.abs(rank - rank[t]) <= reach[1]
        near[r, m, max(0, s - reach[0]) : s + reach[0] + 1, beside] = True
    return near
