"""Options and volume of a segmentation, from a configuration or from arguments of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from fibsem.api.models import LoadedModel, names_of
from fibsem.api.options import tree_of
from fibsem.config import Configuration, Tree, read, read_path, require
from fibsem.data.dataset.scale import learned_range
from fibsem.data.volumes import ArrayVolume, Manner, Volume, reopen
from fibsem.data.volumes.layered import anew
from fibsem.data.volumes.volume import check_unmasked
from fibsem.data.volumes.voxels import Voxels
from fibsem.data.volumes.zarrs.axes import own_names
from fibsem.errors import UserError
from fibsem.inference.options import Options, advised_missing


def options_of(tree: Tree) -> Options:
    """Read the options of a segmentation from its configuration tree."""
    return read(Options, {field.name: tree[field.name] for field in fields(Options)})


def tree_for(
    volume: Voxels | Volume | str | Path,
    models: Sequence[str | Path | LoadedModel],
    options: Mapping[str, Any],
    **keywords: Any,
) -> Tree:
    """Return the configuration tree of a segmentation for a volume and models in Python.

    Raises
    ------
    UserError
        If an option is wrong, or is left to an argument or to another function.
    """
    weights = options.get("weights")
    require("weights", weights, weights is None, "left to `model`, the second argument")
    path = volume if isinstance(volume, str | Path) else None
    tree = tree_of("segment", None, options, volume=path, weights=names_of(models), **keywords)
    for key in ("estimate", "export"):
        require(key, tree[key], tree[key] in (False, None), f"left to `api.{key}`")
    return tree


def say_unused(tree: Tree) -> None:
    """Print a line for each key that was typed and has no effect."""
    for line in Configuration(tree).typed_for_nothing():
        print(line)


def learned_by(models: Sequence[LoadedModel], dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """Return the grey value range of the training, for a volume without a range of its own."""
    return learned_range(dtype, *(model.bundle.scales for model in models))


def volume_of(tree: Tree, options: Options) -> Volume:
    """Open the volume of a segmentation.

    Raises
    ------
    UserError
        If none is given, or it cannot be opened; the message advises ``missing=skip`` if that
        helps.
    """
    if tree["volume"] is None:
        raise UserError(
            "`volume` must be given: volume=PATH of a folder of TIFF slices, a TIFF or an OME-Zarr."
        )
    path, value_range = read_path(tree["volume"], "volume"), tree["range"]
    asked = {key: tree[key] or None for key in ("pattern", "series")}
    gaps = options.missing == "skip"
    manner = read(Manner, {**asked, "sparse": tree["sparse"], "gaps": gaps})
    try:
        return reopen(path, manner, value_range)
    except UserError as error:
        with suppress(UserError):
            reopen(path, replace(manner, gaps=True), value_range)
            error = UserError(f"{error} {advised_missing()}")
        raise error from None


def opened(volume: Voxels | Volume, tree: Tree) -> Volume:
    """Convert an array or an opened volume to a volume with the options of a tree.

    Raises
    ------
    UserError
        If it is not a volume, or a key is given that only makes sense for a path.
    """
    for key in ("pattern", "series", "sparse"):
        asked = tree[key]
        legal = asked is None or asked is False
        require(key, asked, legal, "left to api.open_volume for what is no path")
    if not isinstance(volume, Volume):
        volume = _volume_of_array(volume)
    volume = _reopened(volume)
    if tree["missing"] == "skip":
        volume = volume.mended()
    return volume if tree["range"] is None else volume.with_range(tree["range"])


def _reopened(volume: Volume) -> Volume:
    """Open a volume again, so that its files are read in their present state."""
    if volume.in_memory or not volume.path.exists():
        return volume.with_source(anew(volume.source))
    return reopen(volume.path, volume.manner, volume.declared)


def _volume_of_array(volume: Voxels) -> Volume:
    require("volume", volume, volume is not None, "an array (z, y, x), a path or of "
            "api.open_volume")  # fmt: skip
    if (compute := getattr(volume, "compute", None)) is not None:  # Dask's: NumPy drops its masks
        volume = compute()
    check_unmasked(volume)
    if type(volume).__module__.partition(".")[0] == "zarr":  # NumPy reads absent chunks as pores
        raise UserError(
            "`volume` must be the path of a Zarr, whose chunks and axes are looked at then, or "
            "an array of NumPy, but got an array of zarr."
        )
    named = getattr(volume, "dims", ())  # of xarray
    if isinstance(named, tuple) and own_names(named)[-3:] not in ([], ["z", "y", "x"]):
        raise UserError(
            "`volume` must be an array (z, y, x), but got one whose axes are "
            f"{', '.join(map(str, named))}; transpose it."
        )
    try:
        return ArrayVolume(np.asarray(volume))
    except (TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:150]
        raise UserError(
            "`volume` must be an array (z, y, x), a path or of api.open_volume, but got "
            f"{type(volume).__name__} ({reason})."
        ) from error
