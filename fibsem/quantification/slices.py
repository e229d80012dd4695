"""Thickness of slices, which varies with drift of the milling, to weight slices by volume."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.tables import Row, read_table
from fibsem.data.volumes.lengths import LARGEST_NM, SAME_SIZE, SMALLEST_NM
from fibsem.errors import UserError

Thickness = npt.NDArray[np.float64]

COLUMNS = ("z", "nm")
#: A number with a decimal point or a decimal comma.
NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)
#: An ambiguous number: the comma may separate thousands or decimals.
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
#: Monotonic values are depths if there are this many and their mean step is more than this share of
#: the smallest value: no milling drifts so fast.
DEPTHS, RISE = 8, 0.05
#: They are also depths if there are this many and their mean step equals the smallest value, or the
#: distance of slices, within this share.
FEWEST, ALIKE = 4, 0.2


def read_thickness(path: Path, depth: int, z_nm: float | None = None) -> Thickness:
    """Read the thickness of every slice in nm, (z,), from a CSV with the columns ``z`` and ``nm``.

    Parameters
    ----------
    path, depth
        The table, and the number of slices of the film.
    z_nm
        Distance of slices if known, to recognise depths listed by mistake.

    Raises
    ------
    UserError
        If the file is no such table, a slice is missing or listed twice, a thickness is impossible,
        or depths are listed instead.
    """
    rows = read_table(path, COLUMNS, "`thickness`")
    z, nm = (np.array([_number(row, column, path) for row in rows]) for column in COLUMNS)
    if sorted(z.tolist()) != list(range(depth)):
        raise UserError(
            f"`thickness` must have every slice from 0 to {depth - 1} once, but {path} has "
            f"{len(z)} lines."
        )
    possible = (nm >= SMALLEST_NM) & (nm <= LARGEST_NM)
    if not possible.all():
        raise UserError(
            f"`thickness` must be nanometres, no less than an atom ({SMALLEST_NM}) and at most a "
            f"millimetre ({LARGEST_NM:g}), but slice {z[~possible][0]:g} of {path} is "
            f"{nm[~possible][0]:g}."
        )
    by_slice: Thickness = nm[np.argsort(z)]
    _check_no_depths(by_slice, path, z_nm)
    return by_slice


def _number(row: Row, column: str, path: Path) -> float:
    text = row.values[column]
    if not NUMBER.fullmatch(text) or THOUSANDS.fullmatch(text):
        raise UserError(
            f"`thickness` must be numbers, but {column} in line {row.line} of {path} is "
            f"{text[:20]!r}."
        )
    return float(text.replace(",", "."))


def _check_no_depths(nm: Thickness, path: Path, z_nm: float | None) -> None:
    steps = np.diff(nm)
    one_way = len(nm) >= FEWEST and ((steps > 0).all() or (steps < 0).all())
    step = float(np.abs(steps).mean()) if one_way else 0.0
    fast = len(nm) >= DEPTHS and step > RISE * nm.min()
    from_surface = abs(nm.min() - step) <= ALIKE * step
    as_slices = z_nm is not None and abs(step - z_nm) <= ALIKE * z_nm
    if one_way and (fast or from_surface or as_slices):
        raise UserError(
            f"`thickness` must be of each slice alone, but in {path} it goes from {nm[0]:g} to "
            f"{nm[-1]:g} nm, one way from slice to slice, as depths do; list their differences."
        )


def other_mean(nm: Thickness, z_nm: float | None) -> str | None:
    """Return a warning if the mean thickness differs from the voxel size along z, else None.

    >>> other_mean(np.array([40.0, 60.0]), 50.0)
    >>> other_mean(np.array([40.0, 60.0]), 25.0)
    'slices are 50 nm thick on average by `thickness`, but lengths were measured with 25 nm along z'
    """
    mean = float(nm.mean())
    if z_nm is None or abs(mean - z_nm) <= SAME_SIZE * max(mean, z_nm):
        return None
    return (
        f"slices are {mean:g} nm thick on average by `thickness`, but lengths were measured with "
        f"{z_nm:g} nm along z"
    )
