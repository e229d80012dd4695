"""Post-processing of scores to labels: smooth, threshold, remove small objects (thesis 3.8).

This module defines the steps for one combination of parameters; ``grid_search`` evaluates a grid.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from fibsem.analysis.metrics import Confusion
from fibsem.errors import UserError
from fibsem.system.records import Stored, refuse_unknown_keys

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.uint8]

#: Number of rows whose components are counted at a time.
ROWS = 512
#: Reach of the Gaussian in standard deviations, the default of scipy.
TRUNCATE = 4.0


@refuse_unknown_keys
@dataclass(frozen=True)
class PostProcessing(Stored):
    """Parameters of the post-processing of a slice of scores.

    Attributes
    ----------
    sigma
        Standard deviation in pixels of the Gaussian in the slice; 0: no smoothing.
    threshold
        Scores at or above it are solid.
    rounds
        Number of rounds of smoothing and thresholding, 1 or 2.
    min_size
        4-connected components of fewer pixels are flipped, solids first, then pores.

    Examples
    --------
    >>> PostProcessing(sigma=2.0, threshold=0.4, rounds=2, min_size=50).margin
    16
    """

    sigma: float = 0.0
    threshold: float = 0.5
    rounds: int = 1
    min_size: int = 0

    def __post_init__(self) -> None:
        for key, value, legal in (
            ("sigma", self.sigma, 0 <= self.sigma < math.inf),
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
        """Margin in pixels that the labels of a region depend on, small objects aside."""
        return self.rounds * int(TRUNCATE * self.sigma + 0.5)


def segment_slice(scores: FloatArray, steps: PostProcessing) -> LabelArray:
    """Label one slice of scores, (y, x) float32 -> (y, x) uint8, 0 pore and 1 solid.

    Examples
    --------
    >>> scores = np.array([[0.2, 0.4], [0.6, 0.8]], np.float32)
    >>> segment_slice(scores, PostProcessing(threshold=0.4)).tolist()
    [[0, 1], [1, 1]]
    """
    labels = deque(stages(scores, steps), maxlen=1).pop()  # keeps only one large image in memory
    return labels.astype(np.uint8, copy=False)


def stages(scores: FloatArray, steps: PostProcessing) -> Iterator[FloatArray | LabelArray]:
    """Yield every intermediate image from scores to labels.

    Yields
    ------
    (y, x) float32, (y, x) uint8
        For each round, the smoothed scores, then 1 where they reach the threshold.
    (y, x) uint8
        At last the labels without small components.

    Examples
    --------
    >>> scores = np.array([[0.2, 0.4], [0.6, 0.8]], np.float32)
    >>> smoothed, solid, cleaned = stages(scores, PostProcessing(threshold=0.7, min_size=2))
    >>> solid.tolist(), cleaned.tolist()
    ([[0, 0], [0, 1]], [[0, 0], [0, 0]])
    """
    threshold = np.float32(steps.threshold)  # scores are float32, so compare in float32
    image: FloatArray | LabelArray = scores
    for _ in range(steps.rounds):
        smoothed = smooth(image.astype(np.float32, copy=False), steps.sigma)
        yield smoothed
        image = (smoothed >= threshold).astype(np.uint8)
        del smoothed  # frees a large slice before components are labelled
        yield image
    yield remove_small(image.astype(np.uint8, copy=False), steps.min_size)


def smooth(scores: FloatArray, sigma: float) -> FloatArray:
    """Smooth a slice by a Gaussian, half-sample mirrored at the borders; returns float32.

    Examples
    --------
    >>> smooth(np.array([[0.0, 0.0, 1.0, 0.0, 0.0]], np.float32), sigma=1.0).round(2)
    array([[0.06, 0.24, 0.4 , 0.24, 0.06]], dtype=float32)
    """
    if sigma == 0:
        return scores
    smoothed: FloatArray = gaussian_filter(
        scores, sigma, output=np.float32, mode="reflect", truncate=TRUNCATE
    )
    return smoothed


def remove_small(labels: LabelArray, min_size: int) -> LabelArray:
    """Flip 4-connected components of fewer than ``min_size`` pixels, solids first, then pores.

    Examples
    --------
    >>> labels = np.array([[1, 0, 1, 1, 1, 1]], np.uint8)
    >>> remove_small(labels, min_size=2).tolist()
    [[0, 0, 1, 1, 1, 1]]
    """
    if min_size <= 1:
        return labels
    for value in (1, 0):
        components = cc3d.connected_components((labels == value).astype(np.uint8), connectivity=4)
        small = _sizes(components) < min_size
        small[0] = False
        labels = np.where(small[components], np.uint8(1 - value), labels)
    return labels


def _sizes(components: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.int64]:
    """Count the pixels of every component; by blocks of rows, as NumPy copies to 8 bytes each."""
    count = int(components.max(initial=0)) + 1
    sizes = np.zeros(count, np.int64)
    for start in range(0, len(components), ROWS):
        sizes += np.bincount(components[start : start + ROWS].ravel(), minlength=count)
    return sizes


@dataclass(frozen=True)
class ScoredSquare:
    """Scores of a labelled square with the margin that smoothing needs.

    ``inner`` is the position of the square in ``scores``; ``labels`` has the size of the square.

    Examples
    --------
    >>> scores = np.full((6, 6), 0.8, np.float32)  # a square of 4 x 4 pixels with a margin of one
    >>> square = ScoredSquare(scores, np.ones((4, 4), np.uint8), np.s_[1:5, 1:5])
    >>> square.confusion(PostProcessing(threshold=0.5)).accuracy
    1.0
    """

    scores: FloatArray
    labels: LabelArray
    inner: tuple[slice, slice]

    def part(self, spans: tuple[slice, slice], margin: int) -> ScoredSquare:
        """Return a rectangle of the square with a margin, clipped to the available scores."""
        around, inner = [], []
        for span, side in zip(self.inner, spans, strict=True):
            start, stop = span.start + side.start, span.start + side.stop
            first = max(0, start - margin)
            around.append(slice(first, stop + margin))
            inner.append(slice(start - first, stop - first))
        return ScoredSquare(self.scores[tuple(around)], self.labels[spans], (inner[0], inner[1]))

    def confusion(self, steps: PostProcessing) -> Confusion:
        """Return the confusion matrix of the square after post-processing with its margin."""
        return Confusion.of(self.labels, segment_slice(self.scores, steps)[self.inner])
