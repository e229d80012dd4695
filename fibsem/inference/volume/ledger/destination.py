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
    """Protocol of what takes the slices of a segmentation, each once."""

    @property
    def previewed(self) -> Container[int]:
        """Slices whose grey values are needed, too."""

    def write(
        self,
        z: int,
        labels: LabelArray,
        scores: FloatArray,
        grey: FloatArray | None,
        spread: FloatArray | None = None,
        inside: BoolArray | None = None,
    ) -> None:
        """Take a slice, all arrays (y, x); outside ``inside`` there is no material."""

    def write_missing(self, z: int, *, unread: bool = True) -> None:
        """Take a slice that could not be read, or shows no material."""


class StackInMemory:
    """Slices of one array, (z, y, x).

    Parameters
    ----------
    stack
        The array, filled with the value for no material; all other values are overwritten.
    values_of
        Makes the values of a slice from its labels (0 pore, 1 solid) and scores.
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
        """Keep a slice."""
        values = self._values_of(labels, scores)
        np.copyto(self.stack[z], values, where=True if inside is None else inside)

    def write_missing(self, z: int, *, unread: bool = True) -> None:
        """Leave a slice filled with the value for no material."""
