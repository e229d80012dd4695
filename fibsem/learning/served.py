"""A bundle as an MLflow model from code: scores of a stack that is in memory.

MLflow stores this file and runs it on loading; there is no pickle.
"""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np

from fibsem.analysis.postprocessing import segment_slice
from fibsem.data.preprocessing import fit_correction
from fibsem.data.volumes import ArrayVolume
from fibsem.inference.segmenter import Scorer
from fibsem.inference.slab import SlabWorker
from fibsem.inference.tiles import choose_tiling
from fibsem.learning.bundle import load_bundle

#: Budget for a stack that is in memory anyway.
MEMORY_GIB = 4.0


class Segmentation(mlflow.pyfunc.PythonModel):
    """Labels of a stack of slices, (z, y, x) uint8, uint16 or float32 in [0, 1]."""

    def load_context(self, context):  # type: ignore[no-untyped-def]
        """Read the bundle that lies beside."""
        self.segmenter = load_bundle(Path(context.artifacts["bundle"])).segmenter

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Label every voxel, (z, y, x) uint8, 0 pore and 1 solid."""
        volume = ArrayVolume(np.asarray(model_input))
        correction = fit_correction(volume, self.segmenter.recipe)
        scorer = Scorer(self.segmenter)
        tiling = choose_tiling(scorer, volume.shape[1:], MEMORY_GIB)
        worker = SlabWorker(volume, correction, self.segmenter, scorer, tiling)
        return np.stack(
            [
                segment_slice(scored.scores, self.segmenter.postprocessing)
                for scored in worker.scored(range(volume.shape[0]))
            ]
        )


mlflow.models.set_model(Segmentation())
