"""What a segmentation is given: how it works, and the volume."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace

from fibsem.config import Tree, read, read_path
from fibsem.data.volumes import Manner, Volume, reopen
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
