"""Where labelled slices go: into files, see `outputs`, or into an array."""

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
    """What takes the slices of a segmentation, each once and whole."""

    @property
    def previewed(self) -> Container[int]:
        """Slices whose grey values are wanted, too."""

    def write(
        self,
        z: int,
        labels: LabelArray,
        scores: FloatArray,
        grey: FloatArray | None,
        spread: FloatArray | None = None,
        inside: BoolArray | None = None,
    ) -> None:
        """Take a slice, all (y, x); where it is not ``inside`` there is no material."""

    def write_missing(self, z: int, *, unread: bool = True) -> None:
        """Take note of a slice that could not be read, or shows no material."""


class StackInMemory:
    """Slices of one array, (z, y, x).

    Parameters
    ----------
    stack
        With the values of what shows no material; those of the rest are written over them.
    values_of
        From labels (0 pore, 1 solid) and scores of a slice, as the networks give them, to what is
        kept of it.
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
        """Leave a slice as one without material."""
