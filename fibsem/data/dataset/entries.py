"""Read and validate the entries of a manifest; invalid values raise an error naming the key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fibsem.data.dataset.as_written import shown
from fibsem.data.dataset.dataset import check_name
from fibsem.data.dataset.labels import Classes
from fibsem.data.volumes import VoxelNm
from fibsem.data.volumes.lengths import LARGEST_NM, SMALLEST_NM, finite, voxel_size
from fibsem.errors import UserError


def read_mapping(value: object, keys: tuple[str, ...], where: str) -> Mapping[str, Any]:
    """Return ``value`` as a mapping, or raise UserError if it is none or has other keys."""
    if not isinstance(value, dict):
        raise UserError(f"{where} must be a mapping of {', '.join(keys)}, but is {shown(value)}.")
    for key in value:
        if key not in keys:
            raise UserError(f"{where} has the unknown key {key!r}; the keys are {', '.join(keys)}.")
    return value


def need(record: Mapping[str, Any], key: str, where: str) -> Any:
    """Return the value of a required key, or raise UserError if it is missing or null."""
    if record.get(key) is None:
        raise UserError(f"`{key}` must be given, but {where} lacks it.")
    return record[key]


def read_text(record: Mapping[str, Any], key: str, where: str) -> str:
    """Return the name or path of a required key, checked by :func:`check_name`."""
    return check_name(need(record, key, where), f"`{key}` of {where}")


def read_classes(value: object, ignore: object, path: Path) -> Classes:
    """Return the label values of pore and solid, and the optional value to ignore."""
    where = f"{path}: classes"
    if isinstance(value, dict) and len(value) > 2 and {"pore", "solid"} <= {*value}:
        third = next(key for key in value if key not in ("pore", "solid"))
        raise UserError(
            f"`classes` must be two, pore and solid, but {path} has {third!r}, too; a further "
            "material gets the value of solid in the masks, or is named as `ignore`."
        )
    named = read_mapping(value, ("pore", "solid"), where)
    return Classes(
        _label_value(need(named, "pore", where), path),
        _label_value(need(named, "solid", where), path),
        None if ignore is None else _label_value(ignore, path),
    )


def _label_value(value: object, path: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise UserError(
            f"`classes` and `ignore` must be label values from 0 to 65535, but {path} has "
            f"{shown(value)}."
        )
    return value


def read_voxel_nm(value: object, path: Path) -> VoxelNm:
    """Return the voxel size (z, y, x) in nanometres, with None for an axis that is not given."""
    if value is None:
        return None, None, None
    if not isinstance(value, dict):
        raise UserError(
            f"`voxel_nm` must be written like {{z: 50, y: 10, x: 10}}, but {path} has "
            f"{shown(value)}."
        )
    if any(finite(key) is not None for key in value):
        raise UserError(
            f"`voxel_nm` must have decimal points, as a comma ends a value, but {path} has "
            f"{shown(value)}."
        )
    sizes = read_mapping(value, ("z", "y", "x"), f"{path}: voxel_nm")
    z, y, x = (_side(sizes.get(axis), axis, path) for axis in "zyx")
    return z, y, x


def _side(size: object, axis: str, path: Path) -> float | None:
    nm = voxel_size(size)
    if size is not None and nm is None:
        raise UserError(
            f"`voxel_nm` must be positive nanometres or null, and no less than an atom "
            f"({SMALLEST_NM}) and no more than a millimetre ({LARGEST_NM:g}), but {path} has "
            f"{axis}: {shown(size)}; write plain numbers, 1000 for a micrometre."
        )
    return nm
