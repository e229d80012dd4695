"""The temperature of a segmenter, from the squares that its post-processing is chosen on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fibsem.analysis.calibration import Calibration, calibrate
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
    scores, labels = [], []
    for square in squares:
        known = square.labels != IGNORE
        scores.append(square.scores[square.inner][known])
        labels.append(square.labels[known])
    if not sum(part.size for part in labels):
        raise UserError(
            f"a calibration needs labelled validation pixels, but {len(labels)} squares have none."
        )
    return calibrate(np.concatenate(labels), np.concatenate(scores))
