"""Axes of a Zarr according to its metadata: their names, and the voxel size along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import zarr

from fibsem.data.volumes.faults import SliceError
from fibsem.data.volumes.lengths import axes_nm
from fibsem.data.volumes.voxels import UNKNOWN_NM, VoxelNm
from fibsem.errors import UserError

#: Names of axes that are recognised.
AXES = ("t", "time", "c", "channel", "z", "y", "x")
#: Other names of these axes.
WORDS = {
    "plane": "z", "slice": "z", "section": "z", "depth": "z",
    "row": "y", "rows": "y", "height": "y", "column": "x", "columns": "x", "col": "x", "width": "x",
}  # fmt: skip
#: Attributes in which arrays name their axes: those of xarray, funlib and COSEM.
OWN = ("_ARRAY_DIMENSIONS", "axis_names", "axes")
#: Transformations besides `scale` that do not change the voxel size.
IN_PLACE = ("identity", "translation")


def _axes(multiscale: Mapping[str, Any]) -> Sequence[Any]:
    """Return the axes; since 0.6 they are part of coordinate systems."""
    systems = multiscale.get("coordinateSystems") or [{}]
    return multiscale.get("axes") or systems[0].get("axes") or ()


def axis_names(multiscale: Mapping[str, Any], array: zarr.Array[Any]) -> list[str]:
    """Return the names of the axes: those of OME, else those of the array itself, as in xarray."""
    if axes := _axes(multiscale):
        return [name.casefold() for name in _named(axes)]
    names: Any = getattr(array.metadata, "dimension_names", None)
    attributes: Any = array.attrs.asdict()
    readings = (
        _named(attributes[key]) for key in OWN if isinstance(attributes.get(key), str | list)
    )
    fitting = (axes for axes in readings if len(axes) == array.ndim)
    return own_names(names or next(fitting, ()))


def _named(axes: Sequence[Any]) -> list[str]:
    return [str(axis.get("name") if isinstance(axis, Mapping) else axis) for axis in axes]


def own_names(names: Sequence[object]) -> list[str]:
    """Translate an array's own names of its axes.

    An unknown name is replaced by that of the axis usually at its place.

    >>> own_names(["dim_0", "row", "col"]), own_names(["x", "y", "z"])
    (['z', 'y', 'x'], ['x', 'y', 'z'])
    """
    words = [str(name).casefold() for name in names]
    translated = [WORDS.get(word, word) for word in words]
    usual = (["c"] * len(translated) + ["z", "y", "x"])[3:]
    return [name if name in AXES else other for name, other in zip(translated, usual, strict=True)]


def check_axes(shape: tuple[int, ...], names: Sequence[str], folder: Path) -> None:
    """Raise UserError unless the axes are those of a single stack, in the order z, y, x.

    Raises
    ------
    UserError
        If there are fewer than three axes, others longer than 1, or another order.
    """
    ordered = not names or list(names[-3:]) == ["z", "y", "x"]
    if len(shape) < 3 or any(n != 1 for n in shape[:-3]) or not ordered:
        raise UserError(
            f"an OME-Zarr must be one stack with axes z, y, x, but {folder} has axes "
            f"{', '.join(names) or 'without names'} of {shape}."
        )


def multiscale_nm(multiscale: Mapping[str, Any], full: Mapping[str, Any]) -> VoxelNm:
    """Return the voxel size from the units of the axes and the scales of the full resolution.

    It is unknown if given in another way: a unit alone is no size.
    """
    axes = [axis for axis in _axes(multiscale)[-3:] if isinstance(axis, Mapping)]
    transforms = [
        transform
        for level in (full, multiscale)
        for transform in level.get("coordinateTransformations", [])
    ]
    kinds = {"path" if "path" in transform else str(transform["type"]) for transform in transforms}
    if len(axes) < 3 or "scale" not in kinds or not kinds <= {"scale", *IN_PLACE}:
        return UNKNOWN_NM
    factors = [1.0, 1.0, 1.0]
    for transform in transforms:
        if transform["type"] == "scale":
            scale = transform["scale"][-3:]
            if len(scale) < 3:
                raise SliceError(
                    "`scale` of an OME-Zarr must have a number for every axis, but has "
                    f"{transform['scale']}."
                )
            factors = [a * float(b) for a, b in zip(factors, scale, strict=True)]
    return axes_nm(*((f, axis.get("unit")) for f, axis in zip(factors, axes, strict=True)))
