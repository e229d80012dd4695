"""The line of logits of a segmenter from scored squares, and what it is worth on others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from fibsem.analysis.calibration import Calibration, Platt, Reliability, calibrate
from fibsem.analysis.postprocessing import ScoredSquare
from fibsem.analysis.postprocessing.steps import smooth
from fibsem.data.dataset import IGNORE, Region
from fibsem.errors import UserError


def fit_calibration(squares: Iterable[ScoredSquare], sigma: float = 0.0) -> Calibration:
    """Calibrate on every labelled pixel of scored squares, margins left out.

    Parameters
    ----------
    squares
        Of the validation part, scored by one network or by the mean of an ensemble: the line
        belongs to those scores.
    sigma
        Of the Gaussian by which they are smoothed before they are thresholded, pixels.

    Raises
    ------
    UserError
        If nobody labelled a pixel of them.

    Notes
    -----
    The pixels are all labelled ones, not the balanced sample that networks are trained on: pores
    and solid are as frequent among them as in the squares.
    """
    labels, scores = labelled_pixels(squares, sigma)
    if not labels.size:
        raise UserError("a calibration needs labelled validation pixels, but there are none.")
    return calibrate(labels, scores)


def calibration_errors(squares: Iterable[ScoredSquare], platt: Platt) -> dict[str, float]:
    """Expected calibration error on every labelled pixel, without and with a line of logits.

    Returns
    -------
    dict
        ``ece_before`` and ``ece_after``; nan where nothing is labelled.
    """
    labels, scores = labelled_pixels(squares, platt.smoothed_px)
    after = platt.line(scores)
    return {
        name: Reliability.of(labels, some).error if labels.size else float("nan")
        for name, some in (("ece_before", scores), ("ece_after", after))
    }


def errors_by_sample(
    squares: Sequence[tuple[Region, ScoredSquare]], platt: Platt
) -> dict[str, dict[str, float]]:
    """Those errors of each sample alone: in the mean of films one may be off, and another too."""
    samples = dict.fromkeys(region.sample for region, _ in squares)
    return {
        sample: calibration_errors((s for r, s in squares if r.sample == sample), platt)
        for sample in samples
    }


def labelled_pixels(
    squares: Iterable[ScoredSquare], sigma: float = 0.0
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Labels and smoothed scores of every labelled pixel of some squares, margins left out."""
    labels, scores = [np.zeros(0, np.uint8)], [np.zeros(0, np.float32)]
    for square in squares:
        labelled = square.labels != IGNORE
        labels.append(square.labels[labelled])
        scores.append(smooth(square.scores, sigma)[square.inner][labelled])
    return np.concatenate(labels), np.concatenate(scores)
