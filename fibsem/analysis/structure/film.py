"""A labelled film that is read box by box, independent of how it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from fibsem.geometry import Box, Triple
from fibsem.system.summaries.figures import AxisName

Phases = npt.NDArray[np.uint8]
Spacing = tuple[float, float, float]

#: Classes of a voxel; NEITHER marks missing slices and places without material.
PORE, SOLID, NEITHER = 0, 1, 2
#: Names of the axes of an array.
AXES: tuple[AxisName, ...] = get_args(AxisName)


@dataclass(frozen=True)
class Film:
    """A labelled film.

    Attributes
    ----------
    shape
        (z, y, x) voxels.
    spacing
        (z, y, x) distance of neighbouring voxels, in any unit; all lengths are in this unit.
    read
        Returns the classes of a box, (z, y, x) uint8: 0 pore, 1 solid, 2 neither.

    Examples
    --------
    >>> phases = np.zeros((4, 6, 5), np.uint8)  # all pore
    >>> film = Film.of(phases, spacing=(50.0, 10.0, 10.0))  # nanometres
    >>> film.voxels_of(100.0), [start for start, _ in film.slabs(3)]
    ((2, 10, 10), [0, 3])
    """

    shape: Triple
    spacing: Spacing
    read: Callable[[Box], Phases]

    @classmethod
    def of(cls, phases: Phases, spacing: Spacing = (1.0, 1.0, 1.0)) -> Film:
        """Return a film that reads from an array in memory."""
        z, y, x = phases.shape
        return cls((z, y, x), spacing, lambda box: phases[box.slices])

    @property
    def flat(self) -> tuple[AxisName, ...]:
        """Axes along which the film is a single voxel deep."""
        return tuple(axis for axis, n in zip(AXES, self.shape, strict=True) if n == 1)

    def slabs(self, thick: int) -> Iterator[tuple[int, Phases]]:
        """Yield the first slice and the classes of every slab of ``thick`` slices, in order."""
        for start in range(0, self.shape[0], thick):
            stop = min(start + thick, self.shape[0])
            yield start, self.read(Box((start, 0, 0), (stop, *self.shape[1:])))

    def voxels_of(self, length: float) -> Triple:
        """Return the number of voxels (z, y, x) that cover a length along each axis."""
        z, y, x = (int(np.ceil(length / step - 1e-9)) for step in self.spacing)
        return z, y, x
