"""From scores to labels: smooth in the slice, threshold, remove small objects (thesis 3.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from fibsem.analysis.metrics import Confusion, pooled
from fibsem.errors import UserError

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.uint8]

#: Reach of the Gaussian in standard deviations, scipy's own.
TRUNCATE = 4.0


@dataclass(frozen=True)
class PostProcessing:
    """What is done to the scores of a slice.

    Attributes
    ----------
    sigma
        Standard deviation of the Gaussian in the slice, pixels; 0 leaves the scores as they are.
    threshold
        Scores from here on are solid.
    rounds
        How often smoothing and thresholding are done, 1 or 2.
    min_size
        4-connected components of fewer pixels are flipped, solids first, then pores.
    """

    sigma: float = 0.0
    threshold: float = 0.5
    rounds: int = 1
    min_size: int = 0

    def __post_init__(self) -> None:
        for key, value, legal in (
            ("sigma", self.sigma, self.sigma >= 0),
            ("threshold", self.threshold, 0 <= self.threshold <= 1),
            ("rounds", self.rounds, self.rounds in (1, 2)),
            ("min_size", self.min_size, self.min_size >= 0),
        ):
            if not legal:
                raise UserError(
                    "`postprocessing` must have sigma >= 0, threshold in [0, 1], rounds 1 or 2 and "
                    f"min_size >= 0, but got {key}={value}."
                )

    @property
    def margin(self) -> int:
        """Pixels around a region that its labels depend on, small objects apart."""
        return self.rounds * int(TRUNCATE * self.sigma + 0.5)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def segment_slice(scores: FloatArray, how: PostProcessing) -> LabelArray:
    """Labels of one slice of scores, (y, x) float32 -> (y, x) uint8, 0 pore and 1 solid."""
    solid = smooth(scores, how.sigma) >= how.threshold
    if how.rounds == 2:
        solid = smooth(solid.astype(np.float32), how.sigma) >= how.threshold
    return remove_small(solid.astype(np.uint8), how.min_size)


def smooth(scores: FloatArray, sigma: float) -> FloatArray:
    """Gaussian in the slice, half-sample mirrored at its borders; float32."""
    if sigma == 0:
        return scores
    smoothed: FloatArray = gaussian_filter(
        scores, sigma, output=np.float32, mode="reflect", truncate=TRUNCATE
    )
    return smoothed


def remove_small(labels: LabelArray, min_size: int) -> LabelArray:
    """Flip 4-connected components of fewer than ``min_size`` pixels, solids first, then pores."""
    if min_size <= 1:
        return labels
    for value in (1, 0):
        components = cc3d.connected_components((labels == value).astype(np.uint8), connectivity=4)
        small = np.bincount(components.ravel()) < min_size
        small[0] = False
        labels = np.where(small[components], np.uint8(1 - value), labels)
    return labels


@dataclass(frozen=True)
class ScoredSquare:
    """Scores of a labelled square with the margin around it that smoothing needs.

    ``inner`` says where the square lies in ``scores``; ``labels`` has the size of the square.
    """

    scores: FloatArray
    labels: LabelArray
    inner: tuple[slice, slice]

    def confusion(self, how: PostProcessing) -> Confusion:
        """Confusion matrix of the square after post-processing with its margin."""
        return Confusion.of(self.labels, segment_slice(self.scores, how)[self.inner])


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


def search(
    squares: Sequence[ScoredSquare], grid: SearchGrid
) -> tuple[PostProcessing, npt.NDArray[np.float64]]:
    """Find the post-processing with the best pooled mIoU over the squares.

    Returns
    -------
    best : PostProcessing
        The best combination; the first one tried where several are equal.
    surface : ndarray
        Pooled mIoU, (rounds, min_sizes, sigmas, thresholds) float64.

    Notes
    -----
    With one round and no small objects to remove, all thresholds of one sigma come from one pass:
    a pixel is solid from the number of thresholds that its smoothed score reaches. The other
    combinations are evaluated one by one.
    """
    surface = np.empty(
        (len(grid.rounds), len(grid.min_sizes), len(grid.sigmas), len(grid.thresholds))
    )
    best, best_miou = PostProcessing(), -np.inf
    for (r, m, s), _ in np.ndenumerate(surface[..., 0]):
        rounds, min_size, sigma = grid.rounds[r], grid.min_sizes[m], grid.sigmas[s]
        if rounds == 1 and min_size <= 1:
            confusions = _all_thresholds(squares, sigma, grid.thresholds)
        else:
            confusions = [
                pooled(
                    square.confusion(PostProcessing(sigma, threshold, rounds, min_size))
                    for square in squares
                )
                for threshold in grid.thresholds
            ]
        surface[r, m, s] = [confusion.miou for confusion in confusions]
        k = int(surface[r, m, s].argmax())
        if surface[r, m, s, k] > best_miou:
            best_miou = surface[r, m, s, k]
            best = PostProcessing(sigma, grid.thresholds[k], rounds, min_size)
    return best, surface


def _all_thresholds(
    squares: Sequence[ScoredSquare], sigma: float, thresholds: Sequence[float]
) -> list[Confusion]:
    """Confusion matrix at every threshold, from one count of reached thresholds a class."""
    edges = np.asarray(thresholds, np.float32)
    reached = np.zeros((2, edges.size + 1), np.int64)
    for square in squares:
        scores = smooth(square.scores, sigma)[square.inner]
        for value in (0, 1):
            counts = np.searchsorted(edges, scores[square.labels == value], side="right")
            reached[value] += np.bincount(counts, minlength=edges.size + 1)
    solid = reached[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    pore = reached.sum(axis=1, keepdims=True) - solid
    return [
        Confusion(((int(pore[0, k]), int(solid[0, k])), (int(pore[1, k]), int(solid[1, k]))))
        for k in range(edges.size)
    ]
