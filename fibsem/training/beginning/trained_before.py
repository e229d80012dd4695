"""Load an earlier model by its address, as initial weights or as a teacher.

Addresses are resolved once, when the command begins, and get a digest appended, because an alias
may move later and files may be replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar

from fibsem import models
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.config import DIGEST, digest_in
from fibsem.data.preprocessing import Recipe
from fibsem.data.volumes import VoxelNm
from fibsem.errors import UserError, first_line
from fibsem.inference.model.segmenter import Segmenter
from fibsem.models.spec import ModelSpec
from fibsem.system.home import home_path
from fibsem.system.identity import Identity
from fibsem.tracking.bundle import REMOTE, find_bundle, voxel_nm_in
from fibsem.training.beginning.origin import Origin

T = TypeVar("T")


@dataclass(frozen=True)
class TrainedBefore:
    """A model of an earlier training, loaded from a training folder, bundle or registry.

    Attributes
    ----------
    segmenter
        Networks, correction recipe and calibration of the model.
    address
        Address of the model, with aliases resolved.
    origin, voxel_nm
        Training data of the model, and their voxel size in nm if known.
    """

    segmenter: Segmenter
    address: str
    origin: Origin
    voxel_nm: VoxelNm


def read_once(read: Callable[[str, str], T]) -> Callable[[str | None, str], T | None]:
    """Decorate a reader of addresses: return None for None, and cache addresses with a digest.

    All trials of a sweep thus share one copy of the weights.
    """
    cached = lru_cache(maxsize=2)(read)

    @wraps(read)
    def at(address: str | None, tracking_uri: str) -> T | None:
        if address is None:
            return None
        return (cached if digest_in(address) else read)(address, tracking_uri)

    return at


def trained_at(address: str, tracking_uri: str, key: str) -> TrainedBefore:
    """Load the model at an address: a training folder, a bundle folder or a registered version.

    Parameters
    ----------
    address
        Address without a digest.
    tracking_uri
        Store of the model registry.
    key
        Configuration key of the address, for messages.

    Raises
    ------
    UserError
        If there is no model at the address.
    """
    folder = home_path(address)
    trained = None if address.startswith(REMOTE) else Identity.beside(folder)
    if trained is not None and trained.kind == "training":
        return _load_training(folder, trained, key)
    bundle = find_bundle(address, tracking_uri, key)
    now = str(folder.resolve())
    if address.startswith(REMOTE):
        name, alias, _ = address.partition("@")
        now = f"{name}/{bundle.version}" if alias else name
    return TrainedBefore(bundle.segmenter, now, Origin.of_bundle(bundle), bundle.voxel_nm)


def _load_training(folder: Path, trained: Identity, key: str) -> TrainedBefore:
    """Load the model in the folder of a training."""
    settings = trained.settings
    parts = {name.removeprefix("model."): v for name, v in settings.items() if name[:6] == "model."}
    name, padding = parts.pop("name"), parts.pop("padding")
    record = {"name": name, "nbhd": settings["nbhd"], "padding": padding, "hyperparameters": parts}
    spec = ModelSpec.from_json(record)
    try:
        model = models.load(spec, folder)
    except Exception as error:  # damaged files raise errors of many types
        raise UserError(
            f"`{key}` must be a training that has finished, but {folder} holds no network "
            f"({first_line(error)})."
        ) from error
    recipe = Recipe(settings["preprocess.gradient"], settings["preprocess.scaling"])
    return TrainedBefore(
        Segmenter.of(spec, model, recipe, PostProcessing()),
        str(folder.resolve()),
        Origin.of_training(folder, trained),
        voxel_nm_in(folder),
    )


def with_digest(now: str, digest: str, address: str, key: str) -> str:
    """Append a digest to a resolved address.

    Raises
    ------
    UserError
        If ``address`` holds another digest: work that began with other weights would be resumed.
    """
    wanted = digest_in(address)
    if wanted not in (None, digest):
        raise UserError(
            f"`{key}` must be the weights that this was begun with, but those of "
            f"{DIGEST.sub('', address)} are others now ({wanted}, now {digest}); overwrite=true "
            "begins anew."
        )
    return f"{now}#{digest}"
