"""Slices that are not equally thick, as milling drifts: a film is weighed by volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from fibsem.errors import UserError

Thickness = npt.NDArray[np.float64]

#: No slice is thicker: a metre.
THICKEST_NM = 1e9


def read_thickness(path: Path, depth: int) -> Thickness:
    """Thickness of every slice in nm, (z,), from a CSV with the columns ``z`` and ``nm``.

    Raises
    ------
    UserError
        If the file is no such table, a slice is missing or listed twice, or a thickness is not
        above 0.
    """
    try:
        table = pd.read_csv(path, skipinitialspace=True)
        z, nm = (_numbers(table[column]) for column in ("z", "nm"))
    except (OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"`thickness` must be a CSV with the columns z,nm, but {path} is not one: {reason}."
        ) from error
    if sorted(z.tolist()) != list(range(depth)):
        raise UserError(
            f"`thickness` must have every slice from 0 to {depth - 1} once, but {path} has "
            f"{len(z)} lines."
        )
    possible = (nm > 0) & (nm <= THICKEST_NM)
    if not possible.all():
        raise UserError(
            f"`thickness` must be above 0 nm and at most {THICKEST_NM:g}, but slice "
            f"{z[~possible][0]:g} of {path} is {nm[~possible][0]:g}."
        )
    return nm[np.argsort(z)]


def _numbers(column: pd.Series) -> Thickness:
    """A column of numbers; truth values are none."""
    if column.dtype == np.bool_:
        raise ValueError(f"{column.name} holds truth values")
    return column.to_numpy(np.float64)
