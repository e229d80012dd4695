"""Where squares of labels hold a label: elsewhere a step would learn nothing."""

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
    """Where squares of one kind hold a label, by window.

    Attributes
    ----------
    places
        :func:`holding` of each.
    rows
        Share of its places by y; None where ``places`` is.
    chance
        Of each window, for a square with some label anywhere in it.
    """

    places: list[BoolArray | None]
    rows: list[DoubleArray | None]
    chance: DoubleArray

    @classmethod
    def of(
        cls, windows: Sequence[LabelledWindow], chance: DoubleArray, extent: int, stride: int
    ) -> LabelledPlaces:
        """Find them; ``chance`` is that of a square with or without one."""
        places = [holding(window.labels, extent, stride) for window in windows]
        if all(each is None for each in places):
            return cls(places, [None] * len(places), chance)
        chance = chance * [1.0 if each is None else each.mean() for each in places]
        rows = [None if each is None else each.sum(axis=1) / each.sum() for each in places]
        return cls(places, rows, chance / chance.sum())


def holding(labels: LabelArray, extent: int, stride: int) -> BoolArray | None:
    """Where squares of labels begin that have some label; None where all do.

    Parameters
    ----------
    labels
        (h, w) uint8 of a window.
    extent, stride
        Pixels across a square, of which those that lie ``stride`` apart count.

    Returns
    -------
    places : (h - extent + 1, w - extent + 1) bool or None
        By the upper left corner.

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
    """Whether any of the rows that lie ``stride`` apart, ``extent`` on from each, is True."""
    count, reach = 1 + (extent - 1) // stride, 1
    while reach < count:  # twice as many at a time
        more = min(reach, count - reach)
        places = places[: -more * stride] | places[more * stride :]
        reach += more
    return places
