"""The temperature of a segmenter from scored squares, and what it is worth on others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from fibsem.analysis.calibration import Calibration, Reliability, calibrate, with_temperature
from fibsem.analysis.postprocessing import ScoredSquare
from fibsem.data.dataset import IGNORE
from fibsem.errors import UserError


def fit_calibration(squares: Iterable[ScoredSquare]) -> Calibration:
    """Calibrate on every labelled pixel of scored squares, margins left out.

    Parameters
    ----------
    squares
        Of the validation part, scored by one network or by the mean of an ensemble: the temperature
        belongs to those scores.

    Raises
    ------
    UserError
        If nobody labelled a pixel of them.

    Notes
    -----
    The pixels are all labelled ones, not the balanced sample that networks are trained on: pores
    and solid are as frequent among them as in the squares. A temperature cannot make up for the
    difference; ``ece_after`` says what it leaves.
    """
    labels, scores = labelled_pixels(squares)
    if not labels.size:
        raise UserError("a calibration needs labelled validation pixels, but there are none.")
    return calibrate(labels, scores)


def calibration_errors(squares: Iterable[ScoredSquare], temperature: float) -> dict[str, float]:
    """Expected calibration error on every labelled pixel, without and with a temperature.

    Returns
    -------
    dict
        ``ece_before`` and ``ece_after``; nan where nothing is labelled.
    """
    labels, scores = labelled_pixels(squares)
    after = with_temperature(scores, temperature)
    return {
        name: Reliability.of(labels, some).error if labels.size else float("nan")
        for name, some in (("ece_before", scores), ("ece_after", after))
    }


def labelled_pixels(
    squares: Iterable[ScoredSquare],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Labels and scores of every labelled pixel of some squares, margins left out."""
    labels, scores = [np.zeros(0, np.uint8)], [np.zeros(0, np.float32)]
    for square in squares:
        known = square.labels != IGNORE
        labels.append(square.labels[known])
        scores.append(square.scores[square.inner][known])
    return np.concatenate(labels), np.concatenate(scores)
