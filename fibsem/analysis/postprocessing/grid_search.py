"""The post-processing with the best mIoU, from every combination of a grid (thesis 3.8).

What it takes for 60 squares of 256 x 256 with a margin of 40 pixels (0.11 megapixels each) and the
thesis's grid of 25 sigmas, 90 thresholds, 2 rounds and 3 minimum sizes:

- One Gaussian per square and sigma, 0.17 gigapixels in all. One pass over the smoothed scores says
  how many thresholds each pixel reaches; counting that by label gives all confusion matrices.
- The second round smooths another binary image at every threshold: 135 000, or 15 gigapixels. As
  products with a banded matrix in blocks of 32 rows that is 4 (32 + 2 r) operations a pixel, where
  r is the reach of the Gaussian: 3.3 * 10^12 in all. The search cannot take less time than a matrix
  product of as many operations.
- Small components are removed at all thresholds at once by three area openings per square, sigma
  and round (of the solids, and of the pores for either minimum size): 9 000 of 0.11 megapixels,
  where one by one 810 000 binary images would be labelled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fibsem.analysis.metrics import Confusion
from fibsem.analysis.postprocessing.area_opening import remove_small_at_every_threshold
from fibsem.analysis.postprocessing.levels import LevelArray, first_round, second_round
from fibsem.analysis.postprocessing.steps import TRUNCATE, FloatArray, PostProcessing, ScoredSquare

CountArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SearchGrid:
    """The combinations that are tried; those of the thesis are in ``conf/experiment/thesis``."""

    sigmas: tuple[float, ...]
    thresholds: tuple[float, ...]
    rounds: tuple[int, ...] = (1,)
    min_sizes: tuple[int, ...] = (0,)

    @property
    def margin(self) -> int:
        """Pixels needed around a square by the widest combination."""
        return max(self.rounds) * int(TRUNCATE * max(self.sigmas) + 0.5)

    @property
    def combinations(self) -> int:
        return len(self.sigmas) * len(self.thresholds) * len(self.rounds) * len(self.min_sizes)


def search(
    squares: Sequence[ScoredSquare],
    grid: SearchGrid,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[PostProcessing, npt.NDArray[np.float64]]:
    """Find the post-processing with the best pooled mIoU over the squares.

    Parameters
    ----------
    squares
        Scores with a margin of ``grid.margin`` pixels, and labels; they may differ in size.
    grid
        What is tried.
    progress
        Called with (text, done, total), counting squares times sigmas.

    Returns
    -------
    best : PostProcessing
        The best combination; the first one where several are equal.
    surface : ndarray
        Pooled mIoU, (rounds, min_sizes, sigmas, thresholds) float64: what
        :meth:`ScoredSquare.confusion` gives for each combination, summed over the squares.

    Notes
    -----
    Squares and sigmas are shared out to one thread per core. Beside the scores, a thread holds some
    20 to 200 bytes per pixel of a square with its margin, 20 MB for 336 x 336 pixels; up to twenty
    times as much where the scores are noise from pixel to pixel.
    """
    thresholds, which = np.unique(np.asarray(grid.thresholds, np.float32), return_inverse=True)
    shape = (len(grid.rounds), len(grid.min_sizes), len(grid.sigmas), 2, thresholds.size + 1)
    counts = np.zeros(shape, np.int64)
    tasks = list(product(enumerate(grid.sigmas), squares))

    def work(task: tuple[tuple[int, float], ScoredSquare]) -> CountArray:
        (_, sigma), square = task
        return np.stack(
            [_by_min_size(square, levels, thresholds.size, grid.min_sizes)
             for levels in _by_round(square.scores, sigma, thresholds, grid.rounds)]
        )  # fmt: skip

    # each thread keeps a core busy: those that BLAS starts for a small product only get in the way
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for done, (task, part) in enumerate(zip(tasks, pool.map(work, tasks), strict=True), 1):
            (s, sigma), _ = task
            counts[:, :, s] += part
            if progress:
                progress(f"sigma {sigma:g} px", done, len(tasks))
    surface = np.apply_along_axis(_mious, -1, counts.reshape(*shape[:3], -1))[..., which]
    return _best(surface, grid), surface


def _by_round(
    scores: FloatArray, sigma: float, thresholds: FloatArray, rounds: Sequence[int]
) -> Iterator[LevelArray]:
    """Levels of the scores after each number of rounds."""
    once = first_round(scores, sigma, thresholds)
    for number in rounds:
        yield once if number == 1 else second_round(once, sigma, thresholds)


def _by_min_size(
    square: ScoredSquare, levels: LevelArray, count: int, min_sizes: Sequence[int]
) -> CountArray:
    """Labelled pixels by label and level, without the components below each minimum size."""
    sizes = [size for size in min_sizes if size > 1]
    cleaned = remove_small_at_every_threshold(levels, count, sizes) if sizes else []
    images = dict(zip(sizes, cleaned, strict=True))
    known = square.labels <= 1
    offset = square.labels[known].astype(np.intp) * (count + 1)
    return np.stack(
        [np.bincount(offset + images.get(size, levels)[square.inner][known], None, 2 * (count + 1))
         .reshape(2, -1) for size in min_sizes]
    )  # fmt: skip


def _mious(counts: CountArray) -> list[float]:
    """MIoU at every threshold, from the pixels by label and level."""
    above = counts.reshape(2, -1)[:, ::-1].cumsum(axis=1)[:, ::-1]
    solid = above[:, 1:]
    pore = above[:, :1] - solid
    return [
        Confusion(((int(p[0]), int(s[0])), (int(p[1]), int(s[1])))).miou
        for p, s in zip(pore.T, solid.T, strict=True)
    ]


def _best(surface: npt.NDArray[np.float64], grid: SearchGrid) -> PostProcessing:
    if np.isnan(surface).all():  # no pixel is labelled
        return PostProcessing()
    r, m, s, t = np.unravel_index(np.nanargmax(surface), surface.shape)
    return PostProcessing(grid.sigmas[s], grid.thresholds[t], grid.rounds[r], grid.min_sizes[m])
