"""Serve a bundle as an MLflow model: labels or probabilities of a stack in memory.

MLflow stores this file and runs it when the model is loaded; there is no pickle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import mlflow
import numpy as np
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from fibsem.data.dataset.scale import learned_range
from fibsem.data.material import RULES
from fibsem.data.volumes import ArrayVolume
from fibsem.data.volumes.volume import check_unmasked
from fibsem.data.volumes.voxels import Voxels
from fibsem.errors import UserError
from fibsem.inference.model.segmenter import Scorer
from fibsem.inference.options import Options
from fibsem.inference.volume.in_memory import Output, segment_stack
from fibsem.tracking.bundle import load_bundle

OUTPUTS: tuple[Output, ...] = ("labels", "probabilities")
Choice = TypeVar("Choice", bound=str)


class Segmentation(mlflow.pyfunc.PythonModel):
    """Model that labels a stack of slices, (z, y, x) uint8, uint16 or float32 in [0, 1]."""

    def load_context(self, context: Any) -> None:
        """Read the bundle in the model's artifacts, and build its scorer."""
        self.bundle = load_bundle(Path(context.artifacts["bundle"]))
        self.segmenter = self.bundle.segmenter
        self.scorer = Scorer(self.segmenter)
        self.one_at_a_time = Lock()  # servers answer in threads, but a stack takes all cores

    def predict(
        self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Label every voxel.

        Parameters
        ----------
        model_input : (z, y, x) uint8, uint16 or float32
            Grey values; the correction of gradient and scale is fitted to this array.
        params
            ``output``: ``labels`` (default) or ``probabilities``; ``range``: the grey values that
            map to 0 and 1, by default those that the training samples declared, or of the dtype;
            ``valid``: ``auto`` (default), which leaves out voxels that are not material, as
            ``segment`` does, or ``all``.

        Returns
        -------
        (z, y, x) uint8 or float32
            Labels, 0 pore and 1 solid, or the members' mean probability of solid, smoothed and
            calibrated as in ``segment probabilities=true``. Voxels that are not material have
            label 64 and probability 0.5.

        Raises
        ------
        mlflow.MlflowException
            If the array or a parameter is not valid.
        """
        try:
            with self.one_at_a_time:
                check_unmasked(model_input)
                return self._answer(np.asarray(model_input), params or {})
        except UserError as error:  # a server's clients get one line, not a traceback
            raise mlflow.MlflowException(str(error), INVALID_PARAMETER_VALUE) from error

    def _answer(self, array: Voxels, params: Mapping[str, Any]) -> Voxels:
        output = _choice(params, "output", OUTPUTS)
        asked = tuple(params.get("range", ()))
        native = array.dtype.newbyteorder("=")
        value_range = asked or learned_range(native, self.bundle.scales)
        volume = ArrayVolume(array, value_range=value_range)
        # `valid` must not be a path: a client must not open files of the server's machine
        options = Options(valid=_choice(params, "valid", RULES), certificate=False)
        return segment_stack(volume, self.segmenter, self.scorer, options, output)


def _choice(params: Mapping[str, Any], key: str, choices: Sequence[Choice]) -> Choice:
    """Return a parameter that must be one of ``choices``, by default the first."""
    value = str(params.get(key, choices[0]))
    for choice in choices:
        if value == choice:
            return choice
    raise UserError(f"`{key}` must be one of {', '.join(choices)}, but got {value}.")


mlflow.models.set_model(Segmentation())
