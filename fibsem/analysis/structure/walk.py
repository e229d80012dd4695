"""One walk through the slices for all that it can find: a film is read once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from fibsem.analysis.structure.film import Film, Phases

#: Voxels of a slab, so that what is held of it stays below half a gigabyte.
VOXELS = 2**25


class Accumulator(Protocol):
    """Something that is found slab by slab; what is found does not depend on how they are cut."""

    def add(self, z: int, slab: Phases) -> None:
        """See the next slices; ``z`` is the number of the first."""


def walk(
    film: Film,
    accumulators: Sequence[Accumulator],
    *,
    slab: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> None:
    """Show every slice to every accumulator, in order.

    Parameters
    ----------
    slab
        Slices that are read at once; by default as many as hold 32 million voxels.
    """
    area = film.shape[1] * film.shape[2]
    for start, phases in film.slabs(slab or max(1, VOXELS // area)):
        for accumulator in accumulators:
            accumulator.add(start, phases)
        if progress:
            progress("slices", start + len(phases), film.shape[0])
