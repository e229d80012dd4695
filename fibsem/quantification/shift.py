"""Porosity of a film without labels, from calibrated probabilities under label shift."""

from __future__ import annotations

import numpy as np

from fibsem.analysis.label_shift import shifted_share
from fibsem.analysis.structure.film import NEITHER
from fibsem.data.volumes import open_volume
from fibsem.geometry import Box
from fibsem.quantification.segmented import Segmented

#: Number of values of a stored probability.
LEVELS = 256


def shifted_porosity(segmented: Segmented) -> float | None:
    """Estimate the porosity of a film from its probabilities, assuming label shift.

    None if the segmentation has no probabilities, or no calibration.
    """
    name, calibration = segmented.summary.probabilities, segmented.summary.calibration
    share = calibration and calibration.solid_share
    if not name or not share or share >= 1:
        return None
    stored, counts = open_volume(segmented.folder / name), np.zeros(LEVELS, np.int64)
    for z in range(stored.shape[0]):
        box = Box((z, 0, 0), (z + 1, *stored.shape[1:]))
        known = segmented.film.read(box) != NEITHER
        counts += np.bincount(stored.read(box)[known], minlength=LEVELS)
    levels = np.linspace(0, 1, LEVELS)
    return 1 - shifted_share(levels, counts.astype(np.float64), share)
