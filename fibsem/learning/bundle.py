"""Weights and everything needed to use them, as a folder and as one registered MLflow model.

``model.keras`` is the strided network in Keras' own format, which safe mode loads, or
``model.skops`` a forest; ``bundle.json`` holds the rest. There is no pickle in any of them.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient

from fibsem import models
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import VoxelNm
from fibsem.errors import UserError
from fibsem.files import read_json, write_json
from fibsem.inference.segmenter import Member, Segmenter
from fibsem.models.spec import ModelSpec

REGISTERED = "fibsem"
CHAMPION, PREVIOUS = "champion", "previous"
#: What a machine needs beside the code that is stored with the model.
REQUIREMENTS = (
    "tensorflow", "keras", "numpy", "scipy", "mlflow", "connected-components-3d", "tifffile",
    "imagecodecs", "zarr", "rich", "scikit-learn", "scikit-image", "skops",
)  # fmt: skip


@dataclass(frozen=True)
class Bundle:
    """A segmenter with what is known of its origin.

    ``audit`` holds the corrections fitted to the training samples and the figures of the
    promotion; nothing in it is needed to segment.
    """

    segmenter: Segmenter
    voxel_nm: VoxelNm
    audit: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write the folder."""
        members = self.segmenter.members
        for member, place in zip(members, _places(folder, len(members)), strict=True):
            models.save(member.spec, member.model, place)
        record = {
            "format": 2,
            "members": [member.spec.to_json() for member in members],
            "preprocess": {
                "gradient": self.segmenter.recipe.gradient,
                "scaling": self.segmenter.recipe.scaling,
            },
            "postprocessing": self.segmenter.postprocessing.to_json(),
            "classes": list(self.segmenter.classes),
            "voxel_nm": list(self.voxel_nm),
            "audit": self.audit,
        }
        write_json(folder / "bundle.json", record)


def load_bundle(folder: Path) -> Bundle:
    """Read a folder that :meth:`Bundle.save` wrote; safe mode, no code of the model is run."""
    try:
        record = read_json(folder / "bundle.json")
        specs = [ModelSpec.from_json(spec) for spec in record.get("members") or [record["spec"]]]
        places = _places(folder, len(specs))
        members = tuple(
            Member(spec, models.load(spec, place))
            for spec, place in zip(specs, places, strict=True)
        )
    except (OSError, ValueError) as error:
        raise UserError(
            "`weights` must be a folder with bundle.json and the weights of a model, but "
            f"{folder} is not one: {str(error).splitlines()[0]}"
        ) from error
    segmenter = Segmenter(
        members=members,
        recipe=Recipe(**record["preprocess"]),
        postprocessing=PostProcessing(**record["postprocessing"]),
        identity=_identity(record, members, places),
        classes=(record["classes"][0], record["classes"][1]),
    )
    z, y, x = record["voxel_nm"]
    return Bundle(segmenter, (z, y, x), record["audit"])


def _places(folder: Path, count: int) -> list[Path]:
    """Where the models of a bundle lie: in its folder, or each of several in one of its own."""
    return [folder] if count == 1 else [folder / f"member-{k}" for k in range(count)]


def _identity(record: dict[str, Any], members: Sequence[Member], places: Sequence[Path]) -> str:
    """Twelve hex digits of the weights and of every setting that changes a label."""
    settings = {key: value for key, value in record.items() if key != "audit"}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for member, place in zip(members, places, strict=True):
        if member.spec.is_network:  # the file itself holds dates
            for weights in member.model.get_weights():
                digest.update(weights.tobytes())
        elif (file := place / models.file_name(member.spec)).is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def load_segmenter(weights: Sequence[str], tracking_uri: str) -> Segmenter:
    """The mean of one or more bundles or registered models; also in another process."""
    return Segmenter.ensemble([find_bundle(name, tracking_uri).segmenter for name in weights])


def find_bundle(weights: str, tracking_uri: str) -> Bundle:
    """Load a bundle from a folder or from a model in the registry, ``models:/fibsem@champion``."""
    if not weights.startswith(("models:/", "runs:/")):
        return load_bundle(Path(weights))
    mlflow.set_tracking_uri(tracking_uri)
    try:
        local = mlflow.artifacts.download_artifacts(artifact_uri=weights)
    except (mlflow.MlflowException, OSError) as error:
        raise UserError(
            f"`weights` must name a registered model or a bundle's folder, but got {weights} "
            f"({str(error).splitlines()[0]}); fibsem.promote registers one, tracking.uri says "
            "where."
        ) from error
    return load_bundle(Path(local) / "artifacts" / "bundle")


def register(folder: Path, run_id: str, tracking_uri: str, tags: dict[str, Any]) -> str:
    """Log a bundle with a run and register it; returns the version, without any alias yet."""
    mlflow.set_tracking_uri(tracking_uri)
    package = Path(__file__).parent.parent
    with mlflow.start_run(run_id=run_id), warnings.catch_warnings():
        # MLflow asks for type hints to check inputs by; stacks are checked when they are opened
        warnings.filterwarnings("ignore", category=UserWarning, module="mlflow")
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(package / "learning" / "served.py"),
            artifacts={"bundle": str(folder)},
            code_paths=[str(package)],
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
            registered_model_name=REGISTERED,
            signature=False,  # stacks may be of any of three dtypes
        )
    registered = str(info.registered_model_version)
    client = MlflowClient(tracking_uri)
    for key, value in tags.items():
        client.set_model_version_tag(REGISTERED, registered, key, str(value))
    return registered


def champion_version(tracking_uri: str) -> str | None:
    """Version that has the alias ``champion``, or None."""
    client = MlflowClient(tracking_uri)
    try:
        return str(client.get_model_version_by_alias(REGISTERED, CHAMPION).version)
    except mlflow.MlflowException:
        return None


def crown(new: str, tracking_uri: str) -> None:
    """Give a version the alias ``champion``; the one that had it becomes ``previous``."""
    client, old = MlflowClient(tracking_uri), champion_version(tracking_uri)
    if old is not None and old != new:
        client.set_registered_model_alias(REGISTERED, PREVIOUS, old)
    client.set_registered_model_alias(REGISTERED, CHAMPION, new)
