"""A bundle as an MLflow model from code: scores of a stack that is in memory.

MLflow stores this file and runs it on loading; there is no pickle.
"""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np

from fibsem.analysis.postprocessing import segment_slice
from fibsem.data.volumes import ArrayVolume
from fibsem.inference.volume import Options, SlabWorker
from fibsem.learning.bundle import load_bundle


class Segmentation(mlflow.pyfunc.PythonModel):
    """Labels of a stack of slices, (z, y, x) uint8, uint16 or float32 in [0, 1]."""

    def load_context(self, context):  # type: ignore[no-untyped-def]
        """Read the bundle that lies beside."""
        self.segmenter = load_bundle(Path(context.artifacts["bundle"])).segmenter

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Label every voxel, (z, y, x) uint8, 0 pore and 1 solid."""
        worker = SlabWorker(ArrayVolume(np.asarray(model_input)), self.segmenter, Options())
        return np.stack(
            [segment_slice(scores, self.segmenter.postprocessing) for scores in worker.all_scores()]
        )


mlflow.models.set_model(Segmentation())
