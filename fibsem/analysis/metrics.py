"""Confusion matrices, and the metrics that follow from them (thesis 2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from fibsem.system.records import WrittenAs

#: Probabilities are clipped to this distance from 0 and 1 in the cross-entropy, as in Keras.
EPSILON = 1e-7


@dataclass(frozen=True)
class Confusion:
    """Pixel counts: ``counts[label, prediction]``, 0 pore and 1 solid.

    The sum of two matrices is that of all their pixels: combined figures are computed from pooled
    pixels, never as a mean over samples.

    Examples
    --------
    >>> labels, scores = np.array([0, 0, 1, 1]), np.array([0.2, 0.6, 0.7, 0.9])
    >>> counts = Confusion.at_threshold(labels, scores, 0.5)
    >>> counts.counts, round(counts.miou, 3), counts.porosity
    (((1, 1), (0, 2)), 0.583, 0.25)
    """

    counts: tuple[tuple[int, int], tuple[int, int]]

    @classmethod
    def of(cls, labels: npt.NDArray[np.integer], predictions: npt.NDArray[np.integer]) -> Confusion:
        """Count the pixels of two arrays of one shape; labels other than 0 and 1 are left out.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        labels, predictions = np.asarray(labels), np.asarray(predictions)
        if labels.shape != predictions.shape:
            raise ValueError(f"labels are {labels.shape}, but predictions {predictions.shape}")
        labels, predictions = labels.ravel(), predictions.ravel()
        labelled = labels <= 1
        code = 2 * labels[labelled].astype(np.int64) + (predictions[labelled] > 0)
        (a, b), (c, d) = np.bincount(code, minlength=4).reshape(2, 2).tolist()
        return cls(((a, b), (c, d)))

    @classmethod
    def from_counts(cls, counts: Sequence[Sequence[int]]) -> Confusion:
        """Convert rows (label) of columns (prediction), as read from JSON.

        Raises
        ------
        ValueError
            If a count is negative.
        """
        (a, b), (c, d) = counts
        if min(a, b, c, d) < 0:
            raise ValueError(f"counts of pixels must be at least 0, but got {counts}")
        return cls(((a, b), (c, d)))

    @classmethod
    def at_threshold(
        cls, labels: npt.NDArray[np.integer], scores: npt.NDArray[np.floating], threshold: float
    ) -> Confusion:
        """Return the confusion matrix of scores that are solid at or above a threshold."""
        return cls.of(labels, (np.asarray(scores) >= threshold).astype(np.uint8))

    def __add__(self, other: Confusion) -> Confusion:
        (a, b), (c, d) = (np.array(self.counts) + np.array(other.counts)).tolist()
        return Confusion(((a, b), (c, d)))

    @property
    def pixels(self) -> int:
        """Number of labelled pixels."""
        return sum(map(sum, self.counts))

    def iou(self, value: int) -> float:
        """Return the intersection over union of a class; nan if neither labelled nor predicted."""
        both = self.counts[value][value]
        either = sum(self.counts[value]) + sum(row[value] for row in self.counts) - both
        return both / either if either else float("nan")

    @property
    def miou(self) -> float:
        """Mean IoU of the classes that occur."""
        values = [self.iou(0), self.iou(1)]
        return float(np.nanmean(values)) if self.pixels else float("nan")

    @property
    def miou_of_labelled(self) -> float:
        """Mean IoU of the classes that are labelled, by which squares are compared.

        In a square without pores a single wrong pixel would halve ``miou``. Pooled figures hardly
        change by that, but comparisons square by square would be decided by such pixels.

        >>> one_false_pixel = Confusion(((0, 0), (1, 99)))
        >>> one_false_pixel.miou, one_false_pixel.miou_of_labelled
        (0.495, 0.99)
        """
        values = [self.iou(value) for value in (0, 1) if sum(self.counts[value])]
        return float(np.mean(values)) if values else float("nan")

    @property
    def accuracy(self) -> float:
        """Share of labelled pixels that are predicted correctly; nan if there are none."""
        right = self.counts[0][0] + self.counts[1][1]
        return right / self.pixels if self.pixels else float("nan")

    @property
    def porosity(self) -> float:
        """Share of pixels predicted as pore."""
        pores = self.counts[0][0] + self.counts[1][0]
        return pores / self.pixels if self.pixels else float("nan")

    @property
    def label_porosity(self) -> float:
        """Share of pixels labelled as pore."""
        return sum(self.counts[0]) / self.pixels if self.pixels else float("nan")

    def record(self) -> dict[str, float]:
        """Return all metrics by name."""
        return {
            "miou": self.miou,
            "accuracy": self.accuracy,
            "iou_pore": self.iou(0),
            "iou_solid": self.iou(1),
            "porosity": self.porosity,
            "label_porosity": self.label_porosity,
        }


#: :class:`Confusion` as written to JSON.
Counted = Annotated[
    Confusion, WrittenAs(tuple[tuple[int, int], tuple[int, int]], Confusion.from_counts)
]


def pooled(parts: Iterable[Confusion]) -> Confusion:
    """Return the confusion matrix of the pixels of all parts together.

    Examples
    --------
    >>> pooled([Confusion(((1, 0), (0, 3))), Confusion(((2, 1), (0, 1)))]).counts
    ((3, 1), (0, 4))
    """
    return sum(parts, Confusion(((0, 0), (0, 0))))


def over_squares(parts: Sequence[Confusion]) -> dict[str, float]:
    """Return the metrics of the pooled pixels of squares, and their median IoU of pore.

    Papers on such films report the median (``iou_pore_median``). Squares without a labelled pore do
    not count: otherwise one false pore pixel would be as bad as missing every pore of another
    square. The median is nan if no square has a labelled pore.
    """
    ious = [confusion.iou(0) for confusion in parts if sum(confusion.counts[0])]
    median = float(np.median(ious)) if ious else float("nan")
    return {**pooled(parts).record(), "iou_pore_median": median}


def porosity_error(samples: Iterable[Confusion]) -> float:
    """Return the mean over samples of |predicted - labelled porosity|; nan without pixels.

    Errors of different films cannot cancel.

    Examples
    --------
    >>> round(porosity_error([Confusion([[4, 1], [0, 5]]), Confusion([[4, 0], [1, 5]])]), 4)
    0.1
    """
    errors = [
        abs(confusion.porosity - confusion.label_porosity)
        for confusion in samples
        if confusion.pixels
    ]
    return float(np.mean(errors)) if errors else float("nan")


def cross_entropy(labels: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]) -> float:
    """Return the mean binary cross-entropy of probabilities of solid, the loss of the thesis.

    Parameters
    ----------
    labels, scores : ndarray of one shape
        Classes 0 and 1, and probabilities of class 1, which are clipped to :data:`EPSILON` from
        0 and 1.

    Returns
    -------
    float
        In nats per pixel.

    Examples
    --------
    >>> round(cross_entropy(np.array([0, 1]), np.array([0.5, 0.5])), 4)  # ln 2
    0.6931
    """
    p = np.clip(np.asarray(scores, np.float64).ravel(), EPSILON, 1 - EPSILON)
    solid = np.asarray(labels).ravel() == 1
    return float(-np.where(solid, np.log(p), np.log1p(-p)).mean())


def balanced_scores(
    labels: npt.NDArray[np.integer], scores: npt.NDArray[np.floating], threshold: float = 0.5
) -> dict[str, float]:
    """Return mIoU, accuracy and loss of scores on a set of labelled pixels."""
    confusion = Confusion.at_threshold(labels, scores, threshold)
    loss = cross_entropy(labels, scores)
    return {"miou": confusion.miou, "accuracy": confusion.accuracy, "loss": loss}
