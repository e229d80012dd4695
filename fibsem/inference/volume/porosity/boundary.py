"""Change of a volume's porosity if all outlines of pores are drawn one pixel further.

An annotator who draws every outline a pixel too far makes this error in every square, so that
intervals from squares cannot show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fibsem.analysis.structure.film import NEITHER, PORE, SOLID, Phases, Spacing
from fibsem.analysis.structure.surface import porosity_per_px_of_slices
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import Manner, reopen
from fibsem.inference.volume.ledger.entries import SliceRecord
from fibsem.inference.volume.ledger.outputs import Outputs

#: Most slices that are measured.
SLICES = 20


def porosity_per_px_of_boundary(outputs: Outputs, slices: Sequence[SliceRecord]) -> float | None:
    """Return the length of outlines per area times a pixel, from some slices; None if undefined.

    ``quantify`` measures the same on all slices.
    """
    z, y, x = outputs.voxel_nm
    spacing: Spacing = (z, y, x) if z and y and x else (1.0, 1.0, 1.0)
    moved = porosity_per_px_of_slices(some_slices(outputs, slices), spacing)
    return moved if np.isfinite(moved) else None


def some_slices(outputs: Outputs, slices: Sequence[SliceRecord]) -> Iterator[Phases]:
    """Yield the labels of some slices that are not missing, as pore, solid and neither."""
    labels = reopen(outputs.labels.path, Manner(labels=True))
    table = np.full(256, NEITHER, np.uint8)
    table[list(outputs.classes)] = (PORE, SOLID)
    written = [z for z, entry in enumerate(slices) if entry.pores is not None]
    for k in evenly_spaced(len(written), SLICES):
        yield table[labels.slice(written[k])]
