"""Slices that are not equally thick, as milling drifts: a film is weighed by volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from fibsem.errors import UserError

Thickness = npt.NDArray[np.float64]


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
        z, nm = table["z"].to_numpy(np.int64), table["nm"].to_numpy(np.float64)
    except (OSError, KeyError, ValueError) as error:
        raise UserError(
            f"`thickness` must be a CSV with the columns z,nm, but {path} is not one: {error}."
        ) from error
    if sorted(z.tolist()) != list(range(depth)):
        raise UserError(
            f"`thickness` must have every slice from 0 to {depth - 1} once, but {path} has "
            f"{len(z)} lines."
        )
    if not (np.isfinite(nm) & (nm > 0)).all():
        wrong = z[~(np.isfinite(nm) & (nm > 0))][0]
        raise UserError(f"`thickness` must be above 0 nm, but slice {wrong} of {path} is not.")
    return nm[np.argsort(z)]
