"""Pixels of a slice that stand for all of it, and their contrast."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.extent import BoolArray

#: Rows and columns that are kept of a slice, up to twice as many.
KEPT = 128


def some_of(film: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Pixels of a slice that stand for all."""
    rows, columns = (max(1, side // KEPT) for side in film.shape)
    return film[::rows, ::columns].copy()


def shown_of(image: npt.NDArray[Any], inside: BoolArray) -> npt.NDArray[Any]:
    """Pixels of a slice that stand for all; those that are not material say nothing."""
    some, shown = some_of(image), some_of(inside)
    return np.where(shown, some, np.median(some[shown]) if shown.any() else 0)


def contrast_of(image: npt.NDArray[Any]) -> float:
    """From its darkest to its brightest hundredth."""
    low, high = np.quantile(image, (0.01, 0.99))
    return float(high - low)
