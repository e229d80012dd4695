"""Bundles: weights and everything needed to use them, as a folder.

``model.keras`` is the strided network in Keras' own format, loaded in safe mode, or
``model.skops`` a forest; ``bundle.json`` contains the rest. None of them contains a pickle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import mlflow

from fibsem import models
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.data.dataset.learned import Learned
from fibsem.data.dataset.scale import Scale, WrittenScale
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import VoxelNm
from fibsem.data.volumes.lengths import finite
from fibsem.errors import UserError, first_line
from fibsem.inference.model.segmenter import Member, Segmenter
from fibsem.inference.volume.before.likeness import TrainedOn
from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.models.spec import ModelSpec, WrittenSpec
from fibsem.system.advice import Command, Key
from fibsem.system.files import known_json, read_json, write_json
from fibsem.system.home import home_path
from fibsem.system.records import Record, typed
from fibsem.system.summaries.lineage import Lineage
from fibsem.tracking.audit import Audit
from fibsem.tracking.store import existing_client

#: Prefixes of addresses in an MLflow store.
REMOTE = ("models:/", "runs:/")


@dataclass(frozen=True)
class _BundleRecord:
    """The record of ``bundle.json``; keys with a default are missing in older bundles."""

    preprocess: Recipe
    postprocessing: PostProcessing
    classes: tuple[int, int]
    voxel_nm: tuple[float | None, float | None, float | None]
    audit: Audit
    members: tuple[WrittenSpec, ...] | None = None
    spec: WrittenSpec | None = None
    temperature: float = 1.0
    offset: float = 0.0
    smoothed_px: float = 0.0
    scales: tuple[WrittenScale, ...] = ()
    weights: tuple[str, ...] | None = None

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """Specifications of the members; older bundles have a single one, ``spec``."""
        if specs := self.members or (self.spec and (self.spec,)):
            return specs
        raise ValueError("members is missing")


@dataclass(frozen=True)
class Bundle:
    """A segmenter with its voxel size and audit.

    ``version`` is the version of the registered model, None for a folder; ``scales`` are the grey
    value scales of samples that declared a range.

    Examples
    --------
    ```python
    bundle = load_bundle(Path("outputs/promote/NAME/bundle"))
    bundle.segmenter.halo, bundle.voxel_nm, bundle.lineage.trial.name
    bundle.save(Path("copy"))
    ```
    """

    segmenter: Segmenter
    voxel_nm: VoxelNm
    audit: Audit = field(default_factory=Audit)
    version: str | None = None
    scales: tuple[Scale, ...] = ()

    @property
    def trained(self) -> TrainedOn:
        """Properties of the training data, for comparison with a volume."""
        audit = self.audit
        share = audit.calibration.before.share if audit.calibration else None
        greys, moments = audit.greys or {}, audit.moments or {}
        return TrainedOn(self.voxel_nm, tuple(greys.values()), share, tuple(moments.values()))

    @property
    def dataset(self) -> str | None:
        """Name of the data that the model was trained on; None if unknown."""
        return self.audit.dataset

    @property
    def data(self) -> str | None:
        """Hash of the data that the model was trained on; None if unknown."""
        return self.audit.data

    @property
    def lineage(self) -> Lineage:
        """Lineage of the model; incomplete for older bundles."""
        return self.audit.recorded_lineage

    @property
    def tested(self) -> tuple[FilmSquares, ...]:
        """Squares that the model was tested on; empty in bundles of earlier versions."""
        return self.audit.squares

    @property
    def learned(self) -> Learned | None:
        """Squares that model, first weights and teacher learned; None if one is unknown."""
        return self.audit.learned

    def save(self, folder: Path) -> None:
        """Write the bundle into a folder."""
        members = self.segmenter.members
        for member, subfolder in zip(members, _subfolders(folder, len(members)), strict=True):
            models.save(member.spec, member.model, subfolder)
        self.describe(folder)

    def describe(self, folder: Path) -> None:
        """Write ``bundle.json`` into a folder that already contains the weights."""
        members = self.segmenter.members
        subfolders = _subfolders(folder, len(members))
        record = {
            "format": 2,
            "members": [member.spec.to_json() for member in members],
            "weights": [_digest(*pair) for pair in zip(members, subfolders, strict=True)],
            "preprocess": {
                "gradient": self.segmenter.recipe.gradient,
                "scaling": self.segmenter.recipe.scaling,
            },
            "postprocessing": self.segmenter.postprocessing.to_json(),
            "classes": list(self.segmenter.classes),
            "temperature": self.segmenter.temperature,
            "offset": self.segmenter.offset,
            "smoothed_px": self.segmenter.smoothed_px,
            "voxel_nm": list(self.voxel_nm),
            "audit": self.audit.to_json(),
        }
        if self.scales:
            record["scales"] = [scale.to_json() for scale in self.scales]
        write_json(folder / "bundle.json", record)


def learned_in(folder: Path) -> Learned | None:
    """Return the squares that the bundle in a folder was trained on, or None if unknown."""
    written = known_json(folder / "bundle.json", partial(typed, _BundleRecord))
    return written.audit.learned if written else None


def voxel_nm_in(folder: Path) -> VoxelNm:
    """Return the voxel size of the bundle in a folder; None for unknown axes, or without one."""
    return known_json(folder / "bundle.json", _voxel_nm) or (None, None, None)


def described_in(folder: Path) -> tuple[VoxelNm, tuple[int, ...], tuple[Scale, ...]] | None:
    """Return voxel size, label values and scales of the bundle in a folder, or None without one."""
    written = known_json(folder / "bundle.json", partial(typed, _BundleRecord))
    return None if written is None else (written.voxel_nm, written.classes, written.scales)


def load_bundle(folder: Path, key: str = "weights") -> Bundle:
    """Read a bundle that :meth:`Bundle.save` wrote, in safe mode: no code of the model is run.

    Parameters
    ----------
    folder
        Folder with ``bundle.json`` and the weights.
    key
        Key of the configuration that names the folder, for messages.

    Raises
    ------
    UserError
        If the folder is no bundle, or its files are damaged.

    Examples
    --------
    ```python
    bundle = load_bundle(Path("outputs/promote/NAME/bundle"))
    bundle.segmenter.classes, bundle.voxel_nm
    ```
    """
    try:
        return _read(folder)
    except MemoryError:  # the files may be intact
        raise
    except Exception as error:  # damaged files raise errors of every kind
        fault = f"is not one: {first_line(error)}" if folder.exists() else "is not there."
        raise UserError(
            f"`{Key(key)}` must be a folder with bundle.json and the weights of a model, but "
            f"{folder} {fault}"
        ) from error


def _read(folder: Path) -> Bundle:
    record: Record = read_json(folder / "bundle.json")
    written = typed(_BundleRecord, record)
    subfolders = _subfolders(folder, len(written.specs))
    members = tuple(
        Member(spec, models.load(spec, subfolder))
        for spec, subfolder in zip(written.specs, subfolders, strict=True)
    )
    _check_weights(written.weights, members, subfolders)
    segmenter = Segmenter(
        members=members,
        recipe=written.preprocess,
        postprocessing=written.postprocessing,
        identity=_identity(record, members, subfolders),
        classes=written.classes,
        temperature=written.temperature,
        offset=written.offset,
        smoothed_px=written.smoothed_px,
    )
    return Bundle(segmenter, _voxel_nm(record), written.audit, scales=written.scales)


def _voxel_nm(record: object) -> VoxelNm:
    """Return the voxel size in the record of ``bundle.json``."""
    z, y, x = (_length(nm) for nm in typed(_BundleRecord, record).voxel_nm)
    return z, y, x


def _length(nm: object) -> float | None:
    """Return the length of a voxel along an axis, or None if unknown; refuse others than > 0."""
    if nm is not None and not (finite(nm) or 0.0) > 0:
        raise ValueError(f"a voxel must have a size above 0, but got {nm} nm")
    return finite(nm)


def _subfolders(folder: Path, count: int) -> list[Path]:
    """Return the folders of the members: the bundle's folder, or ``member-k`` for several."""
    return [folder] if count == 1 else [folder / f"member-{k}" for k in range(count)]


def _check_weights(
    digests: Sequence[str] | None, members: Sequence[Member], subfolders: Sequence[Path]
) -> None:
    """Raise ``ValueError`` for weights of another model, as in a partly copied folder."""
    if digests is None:  # an older bundle
        return
    for digest, member, subfolder in zip(digests, members, subfolders, strict=True):
        if digest != _digest(member, subfolder):
            raise ValueError(
                f"{subfolder / str(member.spec.architecture.weights)} is not of the model that "
                "bundle.json tells of"
            )


def _digest(member: Member, subfolder: Path) -> str:
    """Return a digest of a member's weights, 16 hex digits."""
    return _hashed(hashlib.sha256(), member, subfolder).hexdigest()[:16]


def _identity(
    record: Mapping[str, Any], members: Sequence[Member], subfolders: Sequence[Path]
) -> str:
    """Return a digest of the weights and all settings that affect outputs, 12 hex digits."""
    settings = {key: value for key, value in record.items() if key not in ("audit", "weights")}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for member, subfolder in zip(members, subfolders, strict=True):
        _hashed(digest, member, subfolder)
    return digest.hexdigest()[:12]


def _hashed(digest: Any, member: Member, subfolder: Path) -> Any:
    """Add a member's weights to a digest; a network's file cannot be hashed, as it holds dates."""
    if member.spec.is_network:
        for weights in member.model.get_weights():
            digest.update(weights.tobytes())
    elif name := member.spec.architecture.weights:
        digest.update((subfolder / name).read_bytes())
    return digest


def load_segmenter(weights: Sequence[str], tracking_uri: str) -> Segmenter:
    """Load one or more bundles or registered models as an ensemble."""
    return Segmenter.ensemble([find_bundle(name, tracking_uri).segmenter for name in weights])


def find_bundle(weights: str, tracking_uri: str, key: str = "weights") -> Bundle:
    """Load a bundle from a folder or from a model in the registry, ``models:/fibsem@champion``.

    ``key`` is the configuration key that names the bundle, for messages.
    """
    if not weights.startswith(REMOTE):
        return load_bundle(home_path(weights), key)
    try:
        uri, number = _resolved(weights, existing_client(tracking_uri))
        local = mlflow.artifacts.download_artifacts(artifact_uri=uri)
    except (mlflow.MlflowException, OSError) as error:
        raise UserError(
            f"`{Key(key)}` must name a registered model or a bundle's folder, but got {weights} "
            f"({str(error).splitlines()[0]}); {Command('promote')} registers one, tracking.uri "
            f"says where; what {Command('train')} leaves will do, too: "
            f"{Key(key).at('outputs/train/NAME')}."
        ) from error
    return replace(load_bundle(Path(local) / "artifacts" / "bundle", key), version=number)


def _resolved(weights: str, client: mlflow.MlflowClient) -> tuple[str, str | None]:
    """Resolve an alias once, since it may move: return the model's address and version or None."""
    if not weights.startswith("models:/"):
        return weights, None
    name, at, alias = weights.removeprefix("models:/").partition("@")
    if at:
        number = str(client.get_model_version_by_alias(name, alias).version)
        return f"models:/{name}/{number}", number
    number = name.rpartition("/")[2]
    return weights, number if number.isdigit() else None
