"""``threshold``: Otsu's threshold of the smoothed slice, the simplest baseline.

Nothing is learned: the threshold of every slice is computed from its own histogram. The score is a
logistic function of the grey value, 0.5 at the threshold, so that a threshold on the score is one
on the grey value.
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

#: Logit of the score at half the distance between the means of the two classes above the threshold.
LOGIT_AT_MEANS = 2.0


@dataclass(frozen=True)
class Level:
    """Otsu's threshold of one slice, and half the distance between the means of its classes."""

    threshold: float
    half_distance: float


@dataclass(frozen=True)
class Threshold:
    """Model that scores pixels by Otsu's threshold of their slice."""

    spec: ModelSpec

    @property
    def feature_count(self) -> int:
        """Number of features of a pixel: 0, as nothing is learned."""
        return 0

    @property
    def values_per_pixel(self) -> float:
        """Float32 values held per pixel while scoring: a few copies of the slice."""
        return 8.0

    def features(self, block: FloatArray) -> FloatArray:
        """Return an empty array of features, (y, x, 0) float32."""
        halo = self.spec.halo[1]
        return np.empty((block.shape[0] - 2 * halo, block.shape[1] - 2 * halo, 0), np.float32)

    def fitted(self, features: FloatArray, labels: npt.NDArray[np.uint8], seed: int) -> Threshold:
        """Return this model: there is nothing to learn."""
        return self

    def restored(self, folder: Path) -> Threshold:
        """Return this model: there is nothing to read."""
        return self

    def level(self, slice_: FloatArray) -> Level:
        """Compute Otsu's threshold of a whole corrected slice, (y, x) float32."""
        smooth = self._smooth(slice_)
        if smooth.min() == smooth.max():
            return Level(float(smooth.flat[0]), 1.0)
        t = float(threshold_otsu(smooth))
        solid = smooth > t
        return Level(t, float(smooth[solid].mean() - smooth[~solid].mean()) / 2)

    def scores(self, block: FloatArray, level: Level) -> FloatArray:
        """Return the scores of the inner pixels of a block's middle slice, (y, x) float32.

        Parameters
        ----------
        block : (y + 2 halo, x + 2 halo, n_z) float32
            Corrected grey values, slices last.
        level
            Level of the slice that contains the block.
        """
        halo = self.spec.halo[1]
        smooth = self._smooth(block[..., block.shape[2] // 2])
        inner = smooth[halo : smooth.shape[0] - halo, halo : smooth.shape[1] - halo]
        logit = LOGIT_AT_MEANS * (inner - level.threshold) / level.half_distance
        return (1 / (1 + np.exp(-np.clip(logit, -30, 30)))).astype(np.float32)

    def scores_at(
        self, block: FloatArray, y: npt.NDArray[Any], x: npt.NDArray[Any], level: Level
    ) -> FloatArray:
        """Return the scores of some inner pixels of a block, (pixels,) float32."""
        return self.scores(block, level)[y, x]

    def _smooth(self, grey: FloatArray) -> FloatArray:
        sigma = self.spec.hyperparameters["sigma"]
        if sigma == 0:
            return grey
        smoothed: FloatArray = gaussian_filter(grey, sigma, output=np.float32, truncate=TRUNCATE)
        return smoothed


MODEL = Threshold
