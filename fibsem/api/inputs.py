"""What a segmentation is given: the volume, the models, the size of a voxel."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import fields, replace

from fibsem.config import Tree, read, read_path
from fibsem.data.volumes import Manner, Volume, VoxelNm, reopen
from fibsem.errors import UserError
from fibsem.inference.options import Options


def options_of(tree: Tree) -> Options:
    """How the work is done."""
    return read(Options, {field.name: tree[field.name] for field in fields(Options)}, "segment")


def volume_of(tree: Tree, options: Options) -> Volume:
    """Open the volume; says where missing=skip would help."""
    if tree["volume"] is None:
        raise UserError(
            "`volume` must be given: volume=PATH of a folder of TIFF slices, a TIFF or an OME-Zarr."
        )
    path, value_range = read_path(tree["volume"], "volume"), tree["range"]
    asked = {key: tree[key] or None for key in ("pattern", "series")}
    gaps = options.missing == "skip"
    manner = read(Manner, {**asked, "sparse": tree["sparse"], "gaps": gaps}, "segment")
    try:
        return reopen(path, manner, value_range)
    except UserError as error:
        with suppress(UserError):
            reopen(path, replace(manner, gaps=True), value_range)
            error = UserError(f"{error} missing=skip leaves such slices out.")
        raise error from None


def weights_of(tree: Tree) -> list[str]:
    """The models by name or folder, one or several."""
    given = tree["weights"]
    weights = given if isinstance(given, list) else [given]
    if not weights or not all(isinstance(name, str) and name for name in weights):
        raise UserError(
            "`weights` must be a registered model (models:/fibsem@champion), a bundle's folder or "
            f"a list of them, but got {given}."
        )
    return weights


def voxel_nm_of(tree: Tree) -> VoxelNm:
    """Voxel size as the user gives it."""
    if tree["voxel_nm"] is None:
        return None, None, None
    given = tree["voxel_nm"]
    if not (isinstance(given, list) and len(given) == 3 and all(map(_is_size, given))):
        raise UserError(
            "`voxel_nm` must be three sizes [z, y, x] in nm, null where the volume or the model "
            f"knows it, but got {given}."
        )
    return given[0], given[1], given[2]


def _is_size(nm: object) -> bool:
    """Whether this is a size in nm, or null."""
    return nm is None or (
        isinstance(nm, int | float) and not isinstance(nm, bool) and 0 < nm < math.inf
    )
