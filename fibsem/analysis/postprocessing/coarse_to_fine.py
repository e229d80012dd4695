"""Coarse-to-fine search for the post-processing with the best mIoU.

Its time hardly grows with the number of labels, because the grid is searched on a sample of the
squares: first on a lattice of sigmas and thresholds, then everywhere around the best point of each
number of rounds and minimum size. Only the neighbourhoods of the remaining optima are evaluated on
every pixel, and from there a hill climb goes on until no neighbour is better.

The mIoU varies smoothly with sigma and threshold, by less than a thousandth between neighbours.
Rounds and minimum sizes have few values with similar results, so that each combination of them
starts a climb of its own unless it is far behind on the sample.
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

#: Strides of the lattice in the grid: every third sigma, every eighth threshold.
COARSE = (3, 8)
#: Sigmas and thresholds around an optimum that must be evaluated on every pixel to accept it.
REACH = (2, 8)
#: Combinations of rounds and minimum size are dropped if their mIoU is farther behind the best.
BEHIND = 0.01

#: Indices of rounds, minimum size, sigma and threshold in a grid.
GridPoint = tuple[int, int, int, int]


@dataclass(frozen=True)
class SampledParts:
    """A sample of parts of squares with their margins, and a weight for each part.

    Examples
    --------
    >>> scores, labels = np.ones((8, 8), np.float32), np.ones((8, 8), np.uint8)
    >>> square = ScoredSquare(scores, labels, np.s_[0:8, 0:8])
    >>> sample = SampledParts([square.part(np.s_[0:4, 0:4], margin=2)], weights=[4.0])
    >>> [part.scores.shape for part in sample.squares]  # a quarter, with a margin inside the square
    [(6, 6)]
    """

    squares: Sequence[ScoredSquare]
    weights: Sequence[float]


def search_by_sample(
    squares: Sequence[ScoredSquare],
    drawn: SampledParts,
    grid: SearchGrid,
    progress: Show | None = None,
) -> tuple[PostProcessing, DoubleArray]:
    """Find the post-processing with the best pooled mIoU over squares, guided by a sample of them.

    Parameters
    ----------
    squares, grid, progress
        As in :func:`~fibsem.analysis.postprocessing.search`; thresholds may be in any order.
    drawn
        Sample that is searched first; see :func:`fibsem.data.pieces.draw_pieces`.

    Returns
    -------
    best : PostProcessing
        The best combination evaluated on every pixel: none within :data:`REACH` of it is better.
    surface : ndarray
        Pooled mIoU, (rounds, min_sizes, sigmas, thresholds) float64: over every pixel where that
        was evaluated, else over the sample, nan where neither was.

    Examples
    --------
    >>> scores = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    >>> square = ScoredSquare(scores, (scores > 0.55).astype(np.uint8), np.s_[0:8, 0:8])
    >>> grid = SearchGrid(sigmas=(0.0,), thresholds=(0.3, 0.55, 0.8))
    >>> search_by_sample([square], SampledParts([square], [1.0]), grid)[0].threshold
    0.55
    """
    estimated = _miou_of_sample(drawn, grid, progress)
    surface, tried = np.full(grid.shape, np.nan), np.zeros(grid.shape, bool)
    wanted = _mask_around(_tops(estimated, BEHIND), REACH, grid)
    while wanted.any():
        exact = try_some(squares, grid, wanted, progress)
        surface = np.where(np.isnan(exact), surface, exact)
        tried |= wanted
        wanted = _mask_around(_tops(surface, BEHIND), REACH, grid) & ~tried
    return best_of(surface, grid), np.where(np.isnan(surface), estimated, surface)


def _miou_of_sample(drawn: SampledParts, grid: SearchGrid, progress: Show | None) -> DoubleArray:
    """Return the pooled mIoU on a sample, on a lattice and everywhere around its best points."""
    lattice = np.zeros(grid.shape, bool)
    sigmas, ascending = (_lattice(n, step) for n, step in zip(grid.shape[2:], COARSE, strict=True))
    lattice[:, :, sigmas[:, None], np.argsort(grid.thresholds, kind="stable")[ascending]] = True
    coarse = try_some(drawn.squares, grid, lattice, progress, drawn.weights)
    near = _mask_around(_tops(coarse), COARSE, grid) & np.isnan(coarse)
    fine = try_some(drawn.squares, grid, near, progress, drawn.weights)
    return np.where(np.isnan(coarse), fine, coarse)


def _lattice(extent: int, step: int) -> IndexArray:
    """Return every ``step``-th index of an extent, with both ends included."""
    return np.unique(np.append(np.arange(0, extent, step), extent - 1))


def _tops(surface: DoubleArray, behind: float = np.inf) -> list[GridPoint]:
    """Return the best point of each number of rounds and minimum size, unless too far behind."""
    rounds, min_sizes, *inner = surface.shape
    tops: list[GridPoint] = []
    for r, m in product(range(rounds), range(min_sizes)):
        mious = surface[r, m]
        if not np.isnan(mious).all() and np.nanmax(mious) >= np.nanmax(surface) - behind:
            s, t = np.unravel_index(np.nanargmax(mious), inner)
            tops.append((r, m, int(s), int(t)))
    return tops


def _mask_around(
    places: Sequence[GridPoint], reach: tuple[int, int], grid: SearchGrid
) -> BoolArray:
    """Return a mask of the points within a number of sigmas and thresholds of some points."""
    near = np.zeros(grid.shape, bool)
    rank = np.argsort(np.argsort(grid.thresholds, kind="stable"))
    for r, m, s, t in places:
        beside = np.abs(rank - rank[t]) <= reach[1]
        near[r, m, max(0, s - reach[0]) : s + reach[0] + 1, beside] = True
    return near
