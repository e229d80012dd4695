"""A volume with a box in memory, so that repeated reads of it are decoded once."""

from __future__ import annotations

from fibsem.data.volumes.source import Around, Source
from fibsem.data.volumes.voxels import Voxels
from fibsem.geometry import Box


class HeldSource(Around):
    """Source that reads parts of a box from memory, and everything else from another source.

    Parameters
    ----------
    source
        The source of the voxels.
    box
        The box to hold in memory, inside the volume; read on construction.
    """

    def __init__(self, source: Source, box: Box) -> None:
        super().__init__(source)
        self.box, self.voxels = box, source.read(box)

    def read(self, box: Box) -> Voxels:
        """Return the voxels of a box inside the volume as a new array."""
        if not box.within(self.box):
            return self.source.read(box)
        return self.voxels[box.slices_in(self.box)].copy()
