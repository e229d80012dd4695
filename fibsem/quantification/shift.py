"""Porosity of a film without labels, from calibrated probabilities under label shift."""

from __future__ import annotations

import numpy as np

from fibsem.analysis.label_shift import shifted_share
from fibsem.quantification.probabilities import LEVELS
from fibsem.quantification.segmented import Segmented


def shifted_porosity(segmented: Segmented) -> float | None:
    """Estimate the porosity of a film from its probabilities, assuming label shift.

    None if the segmentation has no calibration, or no probabilities of its own.
    """
    calibration = segmented.summary.calibration
    share = calibration and calibration.solid_share
    if not share or share >= 1 or isinstance(segmented.probabilities, str):
        return None
    counts = segmented.probabilities.counts.sum(axis=0).astype(np.float64)
    return 1 - shifted_share(np.linspace(0, 1, LEVELS), counts, share)
