"""One pass over the slices of a film for all accumulators, so that it is read only once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from fibsem.analysis.structure.film import Film, Phases

#: Voxels of a slab, so that the arrays derived from it stay below half a gigabyte.
VOXELS = 2**25


class Accumulator(Protocol):
    """A measure computed slab by slab; the result does not depend on the thickness of slabs."""

    def add(self, z: int, slab: Phases) -> None:
        """Add the next slices; ``z`` is the index of the first one."""


def walk(
    film: Film,
    accumulators: Sequence[Accumulator],
    *,
    slab: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> None:
    """Pass every slice to every accumulator, in order.

    Parameters
    ----------
    slab
        Number of slices that are read at once; by default as many as hold 32 million voxels.
    progress
        Called after every slab with ``"slices"``, the slices done and their total number.
    """
    area = film.shape[1] * film.shape[2]
    for start, phases in film.slabs(slab or max(1, VOXELS // area)):
        for accumulator in accumulators:
            accumulator.add(start, phases)
        if progress:
            progress("slices", start + len(phases), film.shape[0])
