"""Porosity from calibrated probabilities alone, where a film has no labels."""

from __future__ import annotations

import numpy as np

from fibsem.analysis.label_shift import shifted_share
from fibsem.analysis.structure.film import NEITHER
from fibsem.data.volumes import open_volume
from fibsem.geometry import Box
from fibsem.quantification.segmented import Segmented

#: Values of a stored probability.
LEVELS = 256


def shifted_porosity(segmented: Segmented) -> float | None:
    """Porosity that explains the probabilities of a film, if only the share of pores is another.

    None where the segmentation has no probabilities, or no calibration with them.
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
