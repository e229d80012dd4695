"""Destinations of labelled slices: files, see :mod:`.outputs`, or an array."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fibsem.data.volumes.voxels import Voxels

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]


class Destination(Protocol):
    """Protocol of destinations, to which every slice of a segmentation is written once."""

    @property
    def previewed(self) -> Container[int]:
        """Slices whose grey values are needed as well."""

    def write(
        self,
        z: int,
        labels: LabelArray,
        scores: FloatArray,
        grey: FloatArray | None,
        spread: FloatArray | None = None,
        inside: BoolArray | None = None,
    ) -> None:
        """Write a slice, all arrays (y, x); where ``inside`` is False there is no material."""

    def write_missing(self, z: int, *, unread: bool = True) -> None:
        """Mark a slice that could not be read or, with ``unread=False``, has no material."""


class StackInMemory:
    """Destination in one array, (z, y, x).

    Parameters
    ----------
    stack
        The array, filled with the value for no material; all other values are overwritten.
    values_of
        Computes the values of a slice from its labels (0 pore, 1 solid) and scores.
    """

    previewed: Container[int] = ()

    def __init__(
        self, stack: Voxels, values_of: Callable[[LabelArray, FloatArray], Voxels]
    ) -> None:
        self.stack, self._values_of = stack, values_of

    def write(
        self,
        z: int,
        labels: LabelArray,
        scores: FloatArray,
        grey: FloatArray | None,
        spread: FloatArray | None = None,
        inside: BoolArray | None = None,
    ) -> None:
        """Write the values of a slice where it is material."""
        values = self._values_of(labels, scores)
        np.copyto(self.stack[z], values, where=True if inside is None else inside)

    def write_missing(self, z: int, *, unread: bool = True) -> None:
        """Do nothing: the slice is already filled with the value for no material."""
