"""Positions at which a training window contains a label; elsewhere a step would learn nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.data.sampling import LabelArray
from fibsem.data.windows import LabelledWindow

DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabelledPlaces:
    """Positions of squares of one extent and stride that contain a label, by window.

    Attributes
    ----------
    places
        Result of :func:`holding` for each window.
    rows
        Share of each window's positions by row; None where ``places`` is None.
    chance
        Probability of each window for a square that contains a label.
    """

    places: list[BoolArray | None]
    rows: list[DoubleArray | None]
    chance: DoubleArray

    @classmethod
    def of(
        cls, windows: Sequence[LabelledWindow], chance: DoubleArray, extent: int, stride: int
    ) -> LabelledPlaces:
        """Find the positions in each window; ``chance`` includes squares without a label."""
        places = [holding(window.labels, extent, stride) for window in windows]
        if all(mask is None for mask in places):
            return cls(places, [None] * len(places), chance)
        chance = chance * [1.0 if mask is None else mask.mean() for mask in places]
        rows = [None if mask is None else mask.sum(axis=1) / mask.sum() for mask in places]
        return cls(places, rows, chance / chance.sum())


def holding(labels: LabelArray, extent: int, stride: int) -> BoolArray | None:
    """Find the positions of squares that contain a label.

    Parameters
    ----------
    labels
        Labels of a window, (h, w) uint8.
    extent, stride
        Side of a square in pixels; only its pixels ``stride`` apart count.

    Returns
    -------
    places : (h - extent + 1, w - extent + 1) bool or None
        By the upper left corner of the square; None if every square contains a label.

    Examples
    --------
    >>> holding(np.array([[0, 255, 255, 1, 255]], np.uint8).repeat(2, axis=0), 2, 1)
    array([[ True, False,  True,  True]])
    """
    places = labels <= 1
    for axis in (0, 1) if not places.all() else ():
        places = _any_ahead(places.swapaxes(0, axis), extent, stride).swapaxes(0, axis)
    return None if places.all() else places


def _any_ahead(places: BoolArray, extent: int, stride: int) -> BoolArray:
    """For each row, combine by OR the rows ``stride`` apart within the following ``extent``."""
    count, reach = 1 + (extent - 1) // stride, 1
    while reach < count:  # doubles the number of combined rows
        more = min(reach, count - reach)
        places = places[: -more * stride] | places[more * stride :]
        reach += more
    return places
