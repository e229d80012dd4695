"""Protocol of the models that are not networks; ``MODEL`` in each file is the model's class."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


class FeatureModel(Protocol):
    """A model on features that are computed rather than learned."""

    @property
    def feature_count(self) -> int:
        """Number of features of a pixel; 0 for a model that learns nothing."""

    @property
    def values_per_pixel(self) -> float:
        """Float32 values held per pixel of a block while it is scored."""

    def features(self, block: FloatArray) -> FloatArray:
        """Compute the features of the inner pixels of a block, (y, x, features) float32."""

    def fitted(self, features: FloatArray, labels: npt.NDArray[np.uint8], seed: int) -> Any:
        """Return a model fitted to features (pixels, features) and classes (pixels,)."""

    def level(self, slice_: FloatArray) -> Any:
        """Analyse a whole corrected slice (y, x); the result is passed on to :meth:`scores`."""

    def scores(self, block: FloatArray, level: Any) -> FloatArray:
        """Return the probability of solid of the inner pixels of a block, (y, x) float32."""

    def scores_at(
        self, block: FloatArray, y: npt.NDArray[Any], x: npt.NDArray[Any], level: Any
    ) -> FloatArray:
        """Return the probability of solid of some inner pixels of a block, (pixels,) float32."""

    def restored(self, folder: Path) -> Any:
        """Return the model with the fitted state that was saved in a folder."""
