"""A volume of which a box is in memory: what is read of it again and again is decoded once."""

from __future__ import annotations

from fibsem.data.volumes.source import Around, Source
from fibsem.data.volumes.voxels import Voxels
from fibsem.geometry import Box


class HeldSource(Around):
    """Reads a box at once, and parts of it from memory; all else as the source does.

    Parameters
    ----------
    source
        Where the voxels lie.
    box
        What is held, inside the volume.
    """

    def __init__(self, source: Source, box: Box) -> None:
        super().__init__(source)
        self.box, self.voxels = box, source.read(box)

    def read(self, box: Box) -> Voxels:
        """Voxels of a box inside the volume, as a new array."""
        if not box.within(self.box):
            return self.source.read(box)
        return self.voxels[box.slices_in(self.box)].copy()
