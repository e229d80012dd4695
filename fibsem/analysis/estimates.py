"""Metrics of a whole split, estimated from a sample of its pixels, with standard errors.

Every metric follows from two statistics of each class: the share of its pixels at or above a
threshold, and their mean loss. Weighting both classes equally gives the metrics of balanced pixels;
weighting them by their labelled pixels gives those of all pixels, from the same scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fibsem.analysis.metrics import EPSILON, Confusion, balanced_scores
from fibsem.analysis.postprocessing import reaching

DoubleArray = npt.NDArray[np.float64]

#: Thresholds in the order of preference among equals: 0, even ones, then towards 0 and 1.
TRIED = np.array([0.0, *reaching([k / 400 for k in range(1, 400)])])
#: Thresholds in ascending order, which bin the scores; indices of ``TRIED`` and of 0.5 in them.
THRESHOLDS = np.sort(TRIED)
PLACES = np.searchsorted(THRESHOLDS, TRIED)
HALF = int(np.searchsorted(THRESHOLDS, 0.5))


@dataclass(frozen=True)
class Estimate:
    """Scores of sampled pixels, with weights, from which figures of all pixels are estimated.

    Attributes
    ----------
    labels, scores
        Class (0 pore, 1 solid) and probability of solid of each pixel.
    weight
        Weight of each pixel; only ratios within a class matter. None: the pixels are a balanced
        draw, and each counts once (thesis 3.3).
    square
        Index of the square that each pixel lies in; squares above each other share one index.
    counts
        Labelled pixels of pore and solid in the whole split.
    sample
        Index of the sample of each square; None: all squares are of one sample.

    Examples
    --------
    Three pores and three solids of two squares, drawn from 100 pores and 900 solids:

    >>> labels = np.array([0, 0, 0, 1, 1, 1], np.uint8)
    >>> scores = np.array([0.1, 0.2, 0.7, 0.6, 0.8, 0.9], np.float32)
    >>> square = np.array([0, 0, 1, 0, 1, 1])
    >>> drawn = Estimate(labels, scores, np.ones(6), square, (100, 900))
    >>> round(drawn.balanced["accuracy"], 3), drawn.natural["label_porosity"]
    (0.833, 0.1)
    """

    labels: npt.NDArray[np.uint8]
    scores: npt.NDArray[np.float32]
    weight: DoubleArray | None
    square: npt.NDArray[np.int64]
    counts: tuple[int, int]
    sample: npt.NDArray[np.int64] | None = None

    @property
    def balanced(self) -> dict[str, float]:
        """MIoU, accuracy and loss for balanced pixels at threshold 0.5, with standard errors."""
        if self.weight is None:
            return balanced_scores(self.labels, self.scores)
        figures = self._figures(np.array([0.5, 0.5]), HALF)
        return _with_errors({key: figures[key] for key in ("miou", "accuracy", "loss")})

    @property
    def natural(self) -> dict[str, float]:
        """Figures for all labelled pixels, at the threshold with the best mIoU.

        Among them are the median over squares of the IoU of pore, and the mean error of porosity
        over samples; see :func:`fibsem.analysis.metrics.over_squares` and
        :func:`fibsem.analysis.metrics.porosity_error`.
        """
        share = np.array(self.counts) / sum(self.counts)
        mious = self._figures(share, slice(None))["miou"][0]
        level = int(PLACES[np.nanargmax(mious[PLACES])])
        at = {"threshold": float(THRESHOLDS[level]), "label_porosity": float(share[0])}
        cells = self._cells(level)
        at["porosity_error"] = self._porosity_error(cells)
        return {**_with_errors(self._figures(share, level)), **at, **_median(cells)}

    @property
    def alike(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Labels and scores of equally many pixels of both classes, evenly chosen."""
        of_class = [np.flatnonzero(self.labels == value) for value in (0, 1)]
        count = min(map(len, of_class))
        even = [pixels[np.linspace(0, len(pixels) - 1, count).astype(int)] for pixels in of_class]
        chosen = np.concatenate(even)
        return self.labels[chosen], self.scores[chosen]

    @property
    def confusion(self) -> Confusion:
        """Confusion matrix of balanced pixels at threshold 0.5; scaled to a million if weighted."""
        if self.weight is None:
            return Confusion.at_threshold(self.labels, self.scores, 0.5)
        solid = self._levels[0, :, HALF:].sum(axis=1) / self._levels[0].sum(axis=1)
        pore, solid = ((round(5e5 * share) for share in parts) for parts in (1 - solid, solid))
        (a, c), (b, d) = pore, solid
        return Confusion(((a, b), (c, d)))

    @cached_property
    def _levels(self) -> DoubleArray:
        """Sum of weights by jackknife replicate, class and level; replicate 0 has all squares."""
        finite = np.nan_to_num(self.scores, posinf=1, neginf=0)  # infinite scores show in the loss
        reached = np.searchsorted(THRESHOLDS.astype(np.float32), finite.clip(0, 1), side="right")
        return self._replicates(reached - 1, len(THRESHOLDS), self._weight)

    @cached_property
    def _loss(self) -> DoubleArray:
        """Sum of weighted losses by jackknife replicate and class."""
        p = np.clip(self.scores.astype(np.float64), EPSILON, 1 - EPSILON)
        loss = -np.where(self.labels == 1, np.log(p), np.log1p(-p))
        return self._replicates(np.zeros_like(self.square), 1, self._weight * loss)[..., 0]

    @property
    def _weight(self) -> DoubleArray:
        return np.ones(self.labels.size) if self.weight is None else self.weight

    def _replicates(
        self, position: npt.NDArray[np.int64], length: int, values: DoubleArray
    ) -> DoubleArray:
        """Sum values over all squares, then with each one left out, (1 + squares, 2, length)."""
        squares = int(self.square.max()) + 1
        index = (self.square * 2 + self.labels) * length + position
        sums = np.bincount(index, values, squares * 2 * length).reshape(squares, 2, length)
        total = sums.sum(axis=0, keepdims=True)
        return np.concatenate([total, total - sums])

    def _cells(self, level: int) -> DoubleArray:
        """Estimate the confusion matrix of each square, scaled to all labelled pixels."""
        of_class = np.bincount(self.labels, self._weight, 2)
        weight = self._weight * (np.array(self.counts) / of_class)[self.labels]
        solid = self.scores >= np.float32(THRESHOLDS[level])
        index = (self.square * 2 + self.labels) * 2 + solid
        cells = np.bincount(index, weight, 4 * (int(self.square.max()) + 1))
        return cells.reshape(-1, 2, 2).astype(np.float64)

    def _porosity_error(self, cells: DoubleArray) -> float:
        """Return the mean over samples of |predicted - labelled porosity|, which cannot cancel."""
        first = np.zeros(len(cells), np.int64)
        sample = first if self.sample is None else self.sample[: len(cells)]
        too_many = np.bincount(sample, cells[:, 1, 0] - cells[:, 0, 1])
        pixels = np.bincount(sample, cells.sum(axis=(1, 2)))
        return float(np.abs(too_many[pixels > 0] / pixels[pixels > 0]).mean())

    def _figures(self, share: DoubleArray, level: int | slice) -> dict[str, DoubleArray]:
        """Return metrics by replicate (and threshold) for given shares of the classes."""
        weight = self._levels.sum(axis=2)
        above = self._levels[..., ::-1].cumsum(axis=2)[..., ::-1][..., level]
        per_class = weight.reshape(*weight.shape, *[1] * (above.ndim - 2))
        with np.errstate(invalid="ignore", divide="ignore"):  # a square may have all of a class
            solid = above / per_class
            of_pore, of_solid = share[0] * solid[:, 0], share[1] * solid[:, 1]
            iou_pore = (share[0] - of_pore) / (share[0] + share[1] - of_solid)
            iou_solid = of_solid / (share[1] + of_pore)
            loss = (self._loss / weight) @ share
        return {
            "miou": (iou_pore + iou_solid) / 2,
            "accuracy": share[0] - of_pore + of_solid,
            "iou_pore": iou_pore,
            "iou_solid": iou_solid,
            "porosity": 1 - of_pore - of_solid,
            "loss": loss,
        }


def _median(cells: DoubleArray) -> dict[str, float]:
    """Return the median IoU of pore over squares with a labelled pore, or {} without one."""
    labelled = cells[:, 0].sum(axis=1)
    union = labelled + cells[:, 1, 0]
    ious = cells[labelled > 0, 0, 0] / union[labelled > 0]
    return {"iou_pore_median": float(np.median(ious))} if ious.size else {}


def _with_errors(figures: dict[str, DoubleArray]) -> dict[str, float]:
    """Return the metrics over all squares, with standard errors of mIoU and loss if finite."""
    estimated = {key: float(values[0]) for key, values in figures.items()}
    errors = {f"{key}_se": jackknife(figures[key][1:]) for key in ("miou", "loss")}
    return {**estimated, **{key: error for key, error in errors.items() if np.isfinite(error)}}


def jackknife(without: DoubleArray) -> float:
    """Return the standard error of a metric from its leave-one-square-out values (Efron, 1982).

    nan for fewer than two squares, and if one square contains all of a class: the metric is
    undefined without it, and the spread of the other squares does not cover that class.

    >>> round(jackknife(np.array([2.5, 2.0, 1.5])), 4)  # a mean of 1, 2, 3: sqrt(1 / 3)
    0.5774
    """
    n = without.size
    if n < 2:
        return float("nan")
    return float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
