"""``threshold``: Otsu's threshold of the smoothed slice; what everybody tries first.

It learns nothing: every slice has the threshold of its own histogram. The score is a logistic curve
of the grey value, 0.5 at the threshold, so that a threshold on the score is one on the grey value.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from skimage.filters import threshold_otsu

from fibsem.models.architectures import TRUNCATE
from fibsem.models.spec import ModelSpec

FloatArray = npt.NDArray[np.float32]

#: Logit of the score at the mean grey values of the two classes.
LOGIT_AT_MEANS = 2.0


@dataclass(frozen=True)
class Level:
    """Otsu's threshold of one slice, and half the distance between the means of its classes."""

    threshold: float
    half_distance: float


@dataclass(frozen=True)
class Threshold:
    """The baseline for one spec."""

    spec: ModelSpec

    @property
    def feature_count(self) -> int:
        """None: it learns nothing."""
        return 0

    @property
    def values_per_pixel(self) -> float:
        """A few copies of the slice."""
        return 8.0

    def features(self, block: FloatArray) -> FloatArray:
        """No features of any pixel, (y, x, 0) float32."""
        halo = self.spec.halo[1]
        return np.empty((block.shape[0] - 2 * halo, block.shape[1] - 2 * halo, 0), np.float32)

    def fitted(self, features: FloatArray, labels: npt.NDArray[np.uint8], seed: int) -> Threshold:
        """Return this model: there is nothing to learn."""
        return self

    def restored(self, folder: Path) -> Threshold:
        """Return this model: there is nothing to read."""
        return self

    def level(self, slice_: FloatArray) -> Level:
        """Otsu's threshold of a whole corrected slice, (y, x) float32."""
        smooth = self._smooth(slice_)
        if smooth.min() == smooth.max():
            return Level(float(smooth.flat[0]), 1.0)
        t = float(threshold_otsu(smooth))
        solid = smooth > t
        return Level(t, float(smooth[solid].mean() - smooth[~solid].mean()) / 2)

    def scores(self, block: FloatArray, level: Level) -> FloatArray:
        """Score of the inner pixels of a block, (y, x) float32; only the middle slice counts.

        Parameters
        ----------
        block : (y + 2 halo, x + 2 halo, n_z) float32
            Corrected grey values, slices last.
        level
            Of the slice that the block lies in.
        """
        halo = self.spec.halo[1]
        smooth = self._smooth(block[..., block.shape[2] // 2])
        inner = smooth[halo : smooth.shape[0] - halo, halo : smooth.shape[1] - halo]
        logit = LOGIT_AT_MEANS * (inner - level.threshold) / level.half_distance
        return (1 / (1 + np.exp(-np.clip(logit, -30, 30)))).astype(np.float32)

    def scores_at(
        self, block: FloatArray, y: npt.NDArray[Any], x: npt.NDArray[Any], level: Level
    ) -> FloatArray:
        """Score of some inner pixels of a block, (pixels,) float32."""
        return self.scores(block, level)[y, x]

    def _smooth(self, grey: FloatArray) -> FloatArray:
        sigma = self.spec.hyperparameters["sigma"]
        if sigma == 0:
            return grey
        smoothed: FloatArray = gaussian_filter(grey, sigma, output=np.float32, truncate=TRUNCATE)
        return smoothed


MODEL = Threshold
