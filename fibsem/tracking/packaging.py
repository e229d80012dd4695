"""Log a bundle as an MLflow model from code: signature, input example, code, requirements.

MLflow stores the bundle's folder, ``serving.py`` and the package's sources. There is no pickle
among them, but loading the model runs this code.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import numpy.typing as npt
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import ParamSchema, ParamSpec, Schema, TensorSpec

from fibsem.data.volumes import Volume
from fibsem.data.volumes.voxels import Voxels
from fibsem.geometry import Box
from fibsem.system.cache import scratch
from fibsem.tracking import names
from fibsem.tracking.models import log_metrics_of

#: Packages that the model needs besides the code that is stored with it.
REQUIREMENTS = (
    "tensorflow", "keras", "numpy", "scipy", "mlflow", "connected-components-3d", "tifffile",
    "imagecodecs", "zarr", "rich", "scikit-learn", "scikit-image", "skops",
    "lazy-loader",
)  # fmt: skip
#: Extent of the input example, (z, y, x); it is stored as text.
EXAMPLE = (3, 48, 48)


def signature(dtype: npt.DTypeLike) -> ModelSignature:
    """Return the signature of the model for stacks of one dtype.

    Input is a stack (z, y, x) of this dtype, output are labels (z, y, x) uint8. There are three
    parameters: ``output`` is ``labels`` or ``probabilities``, ``range`` the grey values that map
    to 0 and 1 (empty: those that the training samples declared, or of the dtype), ``valid`` whether
    voxels that are not material are left out (``auto``) or labelled (``all``).

    Notes
    -----
    MLflow refuses an array of another dtype, and converts the numbers of a request to a server to
    this one. For a model with a uint16 signature, ``array.astype("uint16") * 257`` gives the
    labels of a uint8 stack, because 257 v / 65535 = v / 255; and
    ``model.unwrap_python_model().predict(None, array)`` accepts uint8, uint16 and float32.
    """
    axes = (-1, -1, -1)
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(dtype), axes)]),
        outputs=Schema([TensorSpec(np.dtype(np.uint8), axes)]),
        params=ParamSchema(
            [
                ParamSpec("output", "string", "labels"),
                ParamSpec("range", "double", [], (-1,)),
                ParamSpec("valid", "string", "auto"),
            ]
        ),
    )


def example_of(volume: Volume) -> Voxels:
    """Read the middle of a volume, at most :data:`EXAMPLE` voxels, in the dtype of its files."""
    extent = [min(n, most) for n, most in zip(volume.shape, EXAMPLE, strict=True)]
    z, y, x = ((n - size) // 2 for n, size in zip(volume.shape, extent, strict=True))
    return volume.read(Box((z, y, x), (z + extent[0], y + extent[1], x + extent[2])))


def log_bundle(folder: Path, run_id: str, identity: str, example: Voxels) -> str:
    """Log a bundle as a model of a run, once, and return the model's address.

    A model that an earlier start logged is returned as it is, and one that it only began is logged
    to its end. MLflow's ``log_model`` cannot do that, so its steps are taken here one by one.

    Parameters
    ----------
    folder
        Folder of the bundle.
    run_id
        The run that the model belongs to, in MLflow's current store.
    identity
        Identity of the bundle, by which its model is known among those of the run.
    example : (z, y, x) uint8, uint16 or float32
        Part of a typical stack. The signature takes its dtype, and the model as MLflow serves it
        is tried on it; a warning says if that fails.
    """
    client = MlflowClient()
    model = _logged_model(client, run_id, identity)
    if model.status != LoggedModelStatus.READY:
        with scratch("bundle") as temporary, _quiet():
            packed = _packed(folder, model, example, temporary)
            _link(client, model)
            client.log_model_artifacts(model.model_id, str(packed))
        client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return model.model_uri


def _logged_model(client: MlflowClient, run_id: str, identity: str) -> LoggedModel:
    """Return the logged model of a bundle of a run; it is created if no start before did so."""
    run = client.get_run(run_id)
    # by default MLflow would use the experiment and run that are active in a notebook
    experiment = run.info.experiment_id
    begun = client.search_logged_models([experiment], f"source_run_id = '{run_id}'")
    same = [model for model in begun if model.tags.get(names.IDENTITY) == identity]
    if same:
        return same[0]
    tags = {names.IDENTITY: identity}
    return client.create_logged_model(experiment, "model", run_id, tags, run.data.params)


def _packed(folder: Path, model: LoggedModel, example: Voxels, temporary: Path) -> Path:
    """Write a bundle as an MLflow model, try it on the example, and return its folder."""
    package, packed = Path(__file__).parent.parent, temporary / "model"
    # MLflow keeps the folder's name, which identifies the bundle within a model
    bundle = shutil.copytree(folder, temporary / "bundle")
    written = Model(
        model.artifact_location,
        model.source_run_id,
        model_uuid=model.model_id,
        model_id=model.model_id,
    )
    mlflow.pyfunc.save_model(
        packed,
        python_model=str(package / "tracking" / "serving.py"),
        artifacts={"bundle": str(bundle)},
        code_paths=[str(_sources(package, temporary))],
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        signature=signature(example.dtype),
        input_example=example,
        mlflow_model=written,
    )
    try:
        mlflow.pyfunc.load_model(str(packed)).predict(example)
    except mlflow.MlflowException as error:  # an example without material is no fault of the model
        print(f"warning: the served model does not label its example: {error}", file=sys.stderr)
    for bytecode in packed.rglob("__pycache__"):
        shutil.rmtree(bytecode)
    return packed


def _link(client: MlflowClient, model: LoggedModel) -> None:
    """Make a model an output of its run, which MLflow takes once only, with the run's metrics."""
    run = client.get_run(model.source_run_id)
    linked = run.outputs.model_outputs if run.outputs else []
    if model.model_id not in [output.model_id for output in linked]:
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=0)])
    log_metrics_of(client, run, model.model_id)


def _sources(package: Path, temporary: Path) -> Path:
    """Copy only the package's Python files: an installed wheel also contains the configuration."""
    copied = temporary / package.name
    for file in (*package.rglob("*.py"), *package.rglob("*.pyi")):
        target = copied / file.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return copied


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide MLflow's log messages, and undo its test run's change of ``sys.path``; no bytecode."""
    path, bytecode = list(sys.path), sys.dont_write_bytecode
    logger = logging.getLogger("mlflow.pyfunc")
    level = logger.level
    logger.setLevel(logging.WARNING)
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        logger.setLevel(level)
        sys.path, sys.dont_write_bytecode = path, bytecode
