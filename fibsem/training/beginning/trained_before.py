"""A model that was trained before, by its address: what a training begins with, or is taught by.

What lies there is settled once, when the command begins: an alias may move afterwards, and files
may be replaced. So addresses get a digest behind them.
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
    """A model that was trained before.

    Attributes
    ----------
    segmenter
        Its networks, what is done to grey values before them, and its calibration.
    address
        Where it is for good, whatever becomes of an alias.
    origin, voxel_nm
        The data that it was trained on, and the size of their voxels where it is told.
    """

    segmenter: Segmenter
    address: str
    origin: Origin
    voxel_nm: VoxelNm


def read_once(read: Callable[[str, str], T]) -> Callable[[str | None, str], T | None]:
    """Make of what reads an address one that gives None for none, and reads known weights once.

    Where a digest is behind the address, every trial of a sweep is given the same ones.
    """
    kept = lru_cache(maxsize=2)(read)

    @wraps(read)
    def at(address: str | None, tracking_uri: str) -> T | None:
        if address is None:
            return None
        return (kept if digest_in(address) else read)(address, tracking_uri)

    return at


def trained_at(place: str, tracking_uri: str, key: str) -> TrainedBefore:
    """The model at a place: a folder of a training or of a bundle, or a registered version.

    Parameters
    ----------
    place
        Its address, without a digest.
    tracking_uri
        The store whose registry is meant.
    key
        Of the configuration which named it, for messages.

    Raises
    ------
    UserError
        If there is none.
    """
    folder = home_path(place)
    trained = None if place.startswith(REMOTE) else Identity.beside(folder)
    if trained is not None and trained.kind == "training":
        return _of_training(folder, trained, key)
    bundle = find_bundle(place, tracking_uri, key)
    now = str(folder.resolve())
    if place.startswith(REMOTE):
        name, alias, _ = place.partition("@")
        now = f"{name}/{bundle.version}" if alias else name
    return TrainedBefore(bundle.segmenter, now, Origin.of_bundle(bundle), bundle.voxel_nm)


def _of_training(folder: Path, trained: Identity, key: str) -> TrainedBefore:
    """The model that a training has left in its folder."""
    settings = trained.settings
    parts = {name.removeprefix("model."): v for name, v in settings.items() if name[:6] == "model."}
    name, padding = parts.pop("name"), parts.pop("padding")
    record = {"name": name, "nbhd": settings["nbhd"], "padding": padding, "hyperparameters": parts}
    spec = ModelSpec.from_json(record)
    try:
        model = models.load(spec, folder)
    except Exception as error:  # damaged files raise errors of every kind
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
    """A place with the digest of what is there; refused where another one was behind its address.

    Raises
    ------
    UserError
        If what was begun with other weights would go on with these.
    """
    wanted = digest_in(address)
    if wanted not in (None, digest):
        raise UserError(
            f"`{key}` must be the weights that this was begun with, but those of "
            f"{DIGEST.sub('', address)} are others now ({wanted}, now {digest}); overwrite=true "
            "begins anew."
        )
    return f"{now}#{digest}"
