"""A bundle as an MLflow model from code: labels or probabilities of a stack that is in memory.

MLflow stores this file and runs it on loading; there is no pickle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import mlflow
import numpy as np
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from fibsem.analysis.postprocessing import segment_slice
from fibsem.data.material import RULES, Extent, find_extent, given_extent
from fibsem.data.preprocessing import fit_correction
from fibsem.data.scale import learned_range
from fibsem.data.volumes import ArrayVolume
from fibsem.data.volumes.voxels import Voxels
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Scorer
from fibsem.inference.tiling.tiles import choose_tiling
from fibsem.inference.volume.outputs import left_out_label
from fibsem.inference.volume.slab import SlabWorker
from fibsem.tracking.bundle import load_bundle

#: Budget for a stack that is in memory anyway.
MEMORY_GIB = 4.0
OUTPUTS = ("labels", "probabilities")
#: Values of pore and solid in an answer.
CLASSES = (0, 1)


class Segmentation(mlflow.pyfunc.PythonModel):
    """Labels of a stack of slices, (z, y, x) uint8, uint16 or float32 in [0, 1]."""

    def load_context(self, context: Any) -> None:
        """Read the bundle that lies beside, and build what scores with it."""
        self.bundle = load_bundle(Path(context.artifacts["bundle"]))
        self.segmenter = self.bundle.segmenter
        self.scorer = Scorer(self.segmenter)
        self.one_at_a_time = Lock()  # a server answers in threads; one stack takes all cores

    def predict(
        self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Label every voxel.

        Parameters
        ----------
        model_input : (z, y, x) uint8, uint16 or float32
            Grey values; their gradient and scaling are fitted to this very array.
        params
            ``output``: ``labels`` (default) or ``probabilities``; ``range``: the grey values that
            map to 0 and 1, by default those that the training samples declared, or of the dtype;
            ``valid``: ``auto`` (default), which leaves out what shows no material, as ``segment``
            does, or ``all``.

        Returns
        -------
        (z, y, x) uint8 or float32
            0 pore and 1 solid, or the members' mean probability of solid, smoothed and calibrated
            as the one that ``segment probabilities=true`` writes. What shows no material is 64, its
            probability one half.
        """
        try:
            with self.one_at_a_time:
                return self._answer(np.asarray(model_input), params or {})
        except UserError as error:  # whoever asks a server sees the line, not a traceback
            raise mlflow.MlflowException(str(error), INVALID_PARAMETER_VALUE) from error

    def _answer(self, array: Voxels, params: Mapping[str, Any]) -> Voxels:
        output = _choice(params, "output", OUTPUTS)
        given = tuple(params.get("range", ()))
        value_range = given or learned_range(array.dtype, self.bundle.scales)
        volume = ArrayVolume(array, value_range=value_range)
        asked = given_extent(volume.shape, _choice(params, "valid", RULES))
        extent = find_extent(volume, asked)
        if all(extent.is_blank(z) for z in range(volume.shape[0])):
            raise UserError(
                "a stack must show material, but this one shows none; `valid` may be all."
            )
        correction = fit_correction(volume, self.segmenter.recipe, extent=extent)
        tiling = choose_tiling(self.scorer, volume.shape[1:], MEMORY_GIB)
        worker = SlabWorker(volume, correction, self.segmenter, self.scorer, tiling, extent=extent)
        scored = worker.scored(range(volume.shape[0]))
        if output == "probabilities":
            scores = [self.segmenter.platt(one.scores) for one in scored]
            return marked(np.stack(scores), extent, np.float32(0.5))
        labels = [segment_slice(one.scores, self.segmenter.postprocessing) for one in scored]
        return marked(np.stack(labels), extent, np.uint8(left_out_label(CLASSES)))


def _choice(params: Mapping[str, Any], key: str, choices: Sequence[str]) -> str:
    """A parameter that is one of several; the first by default."""
    value = str(params.get(key, choices[0]))
    if value not in choices:
        raise UserError(f"`{key}` must be one of {', '.join(choices)}, but got {value}.")
    return value


def marked(stack: Voxels, extent: Extent, mark: np.generic) -> Voxels:
    """A stack with a mark wherever there is no material."""
    for z, image in enumerate(stack):
        inside = extent.inside(z)
        if inside is not None:
            image[~inside] = mark
    return stack


mlflow.models.set_model(Segmentation())
