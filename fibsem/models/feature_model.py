"""What every model that is no network can do; each is one file, whose ``MODEL`` is its class."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


class FeatureModel(Protocol):
    """A model of features that are computed, not learned."""

    @property
    def feature_count(self) -> int:
        """Features of a pixel from which it learns; 0 of a model that learns nothing."""

    @property
    def values_per_pixel(self) -> float:
        """Numbers in float32 that are held for each pixel of a block while it is scored."""

    def features(self, block: FloatArray) -> FloatArray:
        """Features of the inner pixels of a block, (y, x, features) float32."""

    def fitted(self, features: FloatArray, labels: npt.NDArray[np.uint8], seed: int) -> Any:
        """A model fitted to features (pixels, features) and classes (pixels,)."""

    def level(self, slice_: FloatArray) -> Any:
        """What the scores of all blocks of a corrected slice (y, x) depend on."""

    def scores(self, block: FloatArray, level: Any) -> FloatArray:
        """Probability of solid of the inner pixels of a block, (y, x) float32."""

    def scores_at(
        self, block: FloatArray, y: npt.NDArray[Any], x: npt.NDArray[Any], level: Any
    ) -> FloatArray:
        """Probability of solid of some inner pixels of a block, (pixels,) float32."""

    def restored(self, folder: Path) -> Any:
        """A model with what was learned and saved in a folder."""
