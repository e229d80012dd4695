"""Grid search for the post-processing with the best mIoU (thesis 3.8).

Its cost for 60 squares of 256 x 256 with a margin of 40 pixels (0.11 megapixels each) and the
thesis's grid of 25 sigmas, 90 thresholds, 2 rounds and 3 minimum sizes:

- One Gaussian per square and sigma, 0.17 gigapixels in all. One pass over the smoothed scores finds
  how many thresholds each pixel reaches; counting these by label gives all confusion matrices.
- The second round smooths another binary image at every threshold: 135 000, or 15 gigapixels. As
  products with a banded matrix in blocks of 32 rows that is 4 (32 + 2 r) operations a pixel, where
  r is the reach of the Gaussian: 3.3 * 10^12 in all. The search cannot take less time than a matrix
  product of as many operations.
- Small components are removed at all thresholds at once by three area openings per square, sigma
  and round (of the solids, and of the pores for either minimum size): 9 000 of 0.11 megapixels
  instead of 810 000 binary images to label one by one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fibsem.analysis.postprocessing.area_opening import remove_small_at_every_threshold
from fibsem.analysis.postprocessing.levels import LevelArray, first_round, second_round
from fibsem.analysis.postprocessing.reach import reaching
from fibsem.analysis.postprocessing.steps import TRUNCATE, PostProcessing, ScoredSquare, smooth
from fibsem.system.processes import machine_gib

CountArray = npt.NDArray[np.int64]
DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.intp]
Show = Callable[[str, int, int], None]

#: Bytes that a thread holds for each pixel, and for each peak at each threshold.
PIXEL_BYTES, PEAK_BYTES = 100.0, 110.0
#: Side in pixels of the central part in which peaks are counted.
LOOKED_AT = 512
#: Share of the machine's memory that all threads together may take.
FOR_THREADS = 0.5


@dataclass(frozen=True)
class SearchGrid:
    """Grid of post-processing parameters; that of the thesis is in ``conf/experiment/thesis``.

    Examples
    --------
    >>> grid = SearchGrid(sigmas=(0.0, 1.0), thresholds=(0.4, 0.5, 0.6), rounds=(1, 2))
    >>> grid.shape, grid.combinations, grid.margin
    ((2, 1, 2, 3), 12, 8)
    """

    sigmas: tuple[float, ...]
    thresholds: tuple[float, ...]
    rounds: tuple[int, ...] = (1,)
    min_sizes: tuple[int, ...] = (0,)

    @property
    def margin(self) -> int:
        """Margin in pixels around a square that the widest combination needs."""
        return max(self.rounds) * int(TRUNCATE * max(self.sigmas) + 0.5)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of rounds, minimum sizes, sigmas and thresholds: the shape of a surface."""
        return len(self.rounds), len(self.min_sizes), len(self.sigmas), len(self.thresholds)

    @property
    def combinations(self) -> int:
        """Number of combinations in the grid."""
        return math.prod(self.shape)


#: Grid of thresholds without smoothing, searched on the labelled validation pixels.
THRESHOLDS = SearchGrid((0.0,), reaching(np.linspace(0.02, 0.98, 97).tolist()))


def search(
    squares: Sequence[ScoredSquare], grid: SearchGrid, progress: Show | None = None
) -> tuple[PostProcessing, DoubleArray]:
    """Find the post-processing with the best pooled mIoU over squares, by exhaustive search.

    Parameters
    ----------
    squares
        Scores with a margin of ``grid.margin`` pixels, and labels; they may differ in size.
    grid
        Combinations to evaluate.
    progress
        Called with (text, done, total), counting squares times sigmas times rounds.

    Returns
    -------
    best : PostProcessing
        The best combination, the first one of several that are equal.
    surface : ndarray
        Pooled mIoU, (rounds, min_sizes, sigmas, thresholds) float64: what
        :meth:`ScoredSquare.confusion` gives for each combination, summed over the squares.

    Examples
    --------
    >>> scores = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    >>> square = ScoredSquare(scores, (scores > 0.55).astype(np.uint8), np.s_[0:8, 0:8])
    >>> best, surface = search([square], SearchGrid(sigmas=(0.0,), thresholds=(0.3, 0.55, 0.8)))
    >>> best.threshold, surface.round(2).tolist()
    (0.55, [[[[0.59, 1.0, 0.57]]]])
    """
    surface = try_some(squares, grid, np.ones(grid.shape, bool), progress)
    return best_of(surface, grid), surface


def try_some(
    squares: Sequence[ScoredSquare],
    grid: SearchGrid,
    wanted: BoolArray,
    progress: Show | None = None,
    weights: Sequence[float] | None = None,
) -> DoubleArray:
    """Return the pooled mIoU of some combinations of a grid.

    Parameters
    ----------
    squares, grid, progress
        As in :func:`search`.
    wanted : (rounds, min_sizes, sigmas, thresholds) bool
        Combinations to evaluate. For each sigma and number of rounds, every threshold that occurs
        is evaluated with every minimum size that occurs.
    weights
        Weight of a pixel in each square; 1 by default.

    Returns
    -------
    (rounds, min_sizes, sigmas, thresholds) float64
        nan where a combination was not evaluated.

    Notes
    -----
    Runs one thread per core, or as many as fit in half of the memory: see :func:`held_bytes`. For
    whole slices of an instrument that is a few.
    """
    rows = list(_rows(wanted, grid))
    counts = [np.zeros((len(row.min_sizes), 2, len(row.thresholds) + 1)) for row in rows]
    tasks = list(product(range(len(rows)), range(len(squares))))

    def count(task: tuple[int, int]) -> CountArray:
        return _count(squares[task[1]], rows[task[0]], grid)

    # each thread keeps a core busy: further threads of BLAS for small products only slow it down
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(_threads(squares, grid)) as pool:
        for done, ((r, k), task_counts) in enumerate(
            zip(tasks, pool.map(count, tasks), strict=True), 1
        ):
            counts[r] += task_counts if weights is None else weights[k] * task_counts
            if progress:
                progress(f"sigma {grid.sigmas[rows[r].sigma]:g} px", done, len(tasks))
    surface = np.full(grid.shape, np.nan)
    for row, row_counts in zip(rows, counts, strict=True):
        surface[row.round, row.min_sizes[:, None], row.sigma, row.thresholds] = _mious(row_counts)
    return surface


def held_bytes(square: ScoredSquare, grid: SearchGrid) -> float:
    """Estimate the peak memory in bytes of a thread that evaluates combinations on a square.

    The scores themselves are not included.

    Notes
    -----
    Memory grows with the pixels, and with the hills times the thresholds (see ``area_opening``).
    Measured on squares of 1000 to 2000 pixels a side: 122 bytes a pixel at 90 thresholds and 127 at
    138 if 0.65 % of the pixels are peaks, 533 at 90 if 5 % are, and 1862 at 90 for noise, in which
    a fifth of the pixels are peaks.
    """
    first = (max(0, (n - LOOKED_AT) // 2) for n in square.scores.shape)
    rows, columns = (slice(start, start + LOOKED_AT) for start in first)
    smoothed = smooth(square.scores[rows, columns], min(grid.sigmas))
    inner = np.s_[1:-1]
    beside = ((np.s_[:-2], inner), (np.s_[2:], inner), (inner, np.s_[:-2]), (inner, np.s_[2:]))
    peaks = np.all([smoothed[inner, inner] > smoothed[neighbour] for neighbour in beside], axis=0)
    per_pixel = PIXEL_BYTES + PEAK_BYTES * len(grid.thresholds) * peaks.sum() / max(1, peaks.size)
    return float(square.scores.size * per_pixel)


def _threads(squares: Sequence[ScoredSquare], grid: SearchGrid) -> int:
    """Return the number of threads: one per core, or fewer if the largest square needs more memory.

    At least one.
    """
    cores = len(os.sched_getaffinity(0))
    largest = max(squares, key=lambda square: square.scores.size, default=None)
    if largest is None or cores == 1:
        return 1
    room = FOR_THREADS * machine_gib() * 2**30
    return max(1, min(cores, int(room / max(1.0, held_bytes(largest, grid)))))


def best_of(surface: DoubleArray, grid: SearchGrid) -> PostProcessing:
    """Return the best evaluated combination, the first of several that are equal.

    Defaults of :class:`PostProcessing` if the surface is nan everywhere.
    """
    if np.isnan(surface).all():  # no pixel is labelled
        return PostProcessing()
    r, m, s, t = np.unravel_index(np.nanargmax(surface), surface.shape)
    return PostProcessing(grid.sigmas[s], grid.thresholds[t], grid.rounds[r], grid.min_sizes[m])


@dataclass(frozen=True)
class _Combinations:
    """Combinations with one sigma and one number of rounds, as indices into a grid.

    Thresholds are in ascending order.
    """

    sigma: int
    round: int
    min_sizes: IndexArray
    thresholds: IndexArray


def _rows(wanted: BoolArray, grid: SearchGrid) -> Iterator[_Combinations]:
    """Yield rows that together contain all wanted combinations."""
    ascending = np.argsort(np.asarray(grid.thresholds, np.float32), kind="stable")
    for s, r in product(range(len(grid.sigmas)), range(len(grid.rounds))):
        wanted_here = wanted[r, :, s]
        if wanted_here.any():
            thresholds = ascending[np.any(wanted_here, axis=0)[ascending]]
            yield _Combinations(s, r, np.flatnonzero(np.any(wanted_here, axis=1)), thresholds)


def _count(square: ScoredSquare, row: _Combinations, grid: SearchGrid) -> CountArray:
    """Count labelled pixels by minimum size, label and number of thresholds reached."""
    sigma = grid.sigmas[row.sigma]
    thresholds = np.asarray(grid.thresholds, np.float32)[row.thresholds]
    levels = first_round(square.scores, sigma, thresholds)
    if grid.rounds[row.round] == 2:
        levels = second_round(levels, sigma, thresholds)
    min_sizes = [grid.min_sizes[m] for m in row.min_sizes]
    return _by_min_size(square, levels, thresholds.size, min_sizes)


def _by_min_size(
    square: ScoredSquare, levels: LevelArray, count: int, min_sizes: Sequence[int]
) -> CountArray:
    """Count labelled pixels by label and level, after flipping small components.

    Returns (min_sizes, 2, count + 1).
    """
    sizes = [size for size in min_sizes if size > 1]
    cleaned = remove_small_at_every_threshold(levels, count, sizes) if sizes else []
    images = dict(zip(sizes, cleaned, strict=True))
    labelled = square.labels <= 1
    offset = square.labels[labelled].astype(np.intp) * (count + 1)
    return np.stack(
        [np.bincount(
            offset + images.get(size, levels)[square.inner][labelled], None, 2 * (count + 1)
         ).reshape(2, -1) for size in min_sizes]
    )  # fmt: skip


def _mious(counts: DoubleArray) -> DoubleArray:
    """Return the mIoU at n thresholds, (..., n), from counts by label and level (..., 2, n + 1)."""
    above = counts[..., ::-1].cumsum(axis=-1)[..., ::-1]
    solid = above[..., 1:]
    pore = above[..., :1] - solid
    with np.errstate(invalid="ignore"):  # a class that is neither labelled nor predicted
        of_pore = pore[..., 0, :] / (pore.sum(axis=-2) + solid[..., 0, :])
        of_solid = solid[..., 1, :] / (solid.sum(axis=-2) + pore[..., 1, :])
        ious = np.stack([of_pore, of_solid])
        mious: DoubleArray = np.nansum(ious, axis=0) / np.isfinite(ious).sum(axis=0)
    return mious
