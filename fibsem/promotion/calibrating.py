"""Calibrate probabilities by a linear map of logits, and measure calibration errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fibsem.analysis.calibration import Calibration, LabelledScores, Platt, calibrate
from fibsem.analysis.postprocessing import ScoredSquare
from fibsem.analysis.postprocessing.steps import smooth
from fibsem.analysis.reliability import Reliability
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.errors import UserError


def fit_calibration(squares: Sequence[ScoredSquare], sigma: float = 0.0) -> Calibration:
    """Fit a calibration to all labelled pixels of scored squares, without their margins.

    Parameters
    ----------
    squares
        Scored squares of the validation part.
    sigma
        Width in pixels of the Gaussian that smooths scores before the threshold.

    Raises
    ------
    UserError
        If no pixel of the squares is labelled.

    Notes
    -----
    All labelled pixels are used instead of the balanced sample that networks are trained on, so
    that pores and solid are as frequent as in the squares.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> scores = rng.uniform(0.05, 0.95, (64, 64)).astype(np.float32)
    >>> labels = (rng.uniform(size=(64, 64)) < scores).astype(np.uint8)  # drawn by their scores
    >>> whole = (slice(0, 64), slice(0, 64))
    >>> 0.9 < fit_calibration([ScoredSquare(scores, labels, whole)]).temperature < 1.1
    True
    """
    labelled = [square for square in squares if (square.labels != IGNORE).any()]
    if not labelled:
        raise UserError("a calibration needs labelled validation pixels, but there are none.")
    return calibrate(_SmoothedPixels(labelled, sigma))


@dataclass(frozen=True)
class _SmoothedPixels:
    """Labels and smoothed scores of squares; computed anew for each iteration, to save memory."""

    squares: Sequence[ScoredSquare]
    sigma: float

    def __iter__(self) -> Iterator[LabelledScores]:
        return (labelled_pixels(square, self.sigma) for square in self.squares)


def labelled_pixels(square: ScoredSquare, sigma: float = 0.0) -> LabelledScores:
    """Return labels and smoothed scores of a square's labelled pixels, without its margin.

    Examples
    --------
    >>> import numpy as np
    >>> scores, labels = np.array([[0.2, 0.9]], np.float32), np.array([[0, 255]], np.uint8)
    >>> labelled_pixels(ScoredSquare(scores, labels, (slice(0, 1), slice(0, 2))))[0].tolist()
    [0]
    """
    labelled = square.labels != IGNORE
    return square.labels[labelled], smooth(square.scores, sigma)[square.inner][labelled]


@dataclass(frozen=True)
class Reliabilities:
    """Reliability of the probabilities of a square, before and after calibration.

    Examples
    --------
    >>> import numpy as np
    >>> scores, whole = np.array([[0.2, 0.9]], np.float32), (slice(0, 1), slice(0, 2))
    >>> square = ScoredSquare(scores, np.array([[0, 1]], np.uint8), whole)
    >>> each = Reliabilities.of(square, Platt(temperature=0.5))
    >>> each.before.error > each.after.error
    True
    """

    before: Reliability
    after: Reliability

    @classmethod
    def of(cls, square: ScoredSquare, platt: Platt) -> Reliabilities:
        """Measure the reliability on every labelled pixel of a square."""
        labels, scores = labelled_pixels(square, platt.smoothed_px)
        return cls(Reliability.of(labels, scores), Reliability.of(labels, platt.line(scores)))


def calibration_errors(squares: Sequence[Reliabilities]) -> dict[str, float]:
    """Compute the expected calibration error of all pixels, before and after calibration.

    Parameters
    ----------
    squares
        Reliability of each square.

    Returns
    -------
    dict
        ``ece_before`` and ``ece_after``; nan if no pixel is labelled.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[0.2, 0.9], [0.8, 0.9]], np.float32)
    >>> whole = (slice(0, 2), slice(0, 2))
    >>> square = ScoredSquare(scores, np.array([[0, 1], [1, 1]], np.uint8), whole)
    >>> errors = calibration_errors([Reliabilities.of(square, Platt(temperature=0.5))])
    >>> errors["ece_before"] > errors["ece_after"]  # the scores were right, and too careful
    True
    """
    if not squares:
        return {"ece_before": float("nan"), "ece_after": float("nan")}
    return {
        "ece_before": Reliability.pooled([square.before for square in squares]).error,
        "ece_after": Reliability.pooled([square.after for square in squares]).error,
    }


def errors_by_sample(
    squares: Sequence[tuple[Region, Reliabilities]],
) -> dict[str, dict[str, float]]:
    """Compute the calibration errors of each sample, which the error over all may hide."""
    samples: dict[str, list[Reliabilities]] = {}
    for region, square in squares:
        samples.setdefault(region.sample, []).append(square)
    return {sample: calibration_errors(squares) for sample, squares in samples.items()}
