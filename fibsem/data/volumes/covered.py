"""A volume under a mask of material: floats that are no numbers do not matter where it is 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fibsem.data.volumes.mended import MendedSource
from fibsem.data.volumes.source import Around, Source
from fibsem.data.volumes.volume import Volume
from fibsem.data.volumes.voxels import Voxels
from fibsem.geometry import Box

#: Whether a pixel of a slice is material, (y, x); None where all of it is.
Inside = Callable[[int], npt.NDArray[np.bool_] | None]


class CoveredSource(Around):
    """Reads 0 for what is no number and no material; all else as the source does.

    Programs that register slices leave NaN where a film was moved away.

    Parameters
    ----------
    source
        Of float values.
    inside
        What of a slice is material.
    """

    def __init__(self, source: Source, inside: Inside) -> None:
        super().__init__(source)
        self.inside = inside

    def onto(self, source: Source) -> CoveredSource:
        """Another source under the same mask."""
        return CoveredSource(source, self.inside)

    def read(self, box: Box) -> Voxels:
        """Voxels of a box inside the volume, as a new array."""
        voxels = self.source.read(box)
        for z, image in enumerate(voxels, box.start[0]):
            odd = ~np.isfinite(image)
            if odd.any() and (inside := self.inside(z)) is not None:
                image[odd & ~inside[box.slices[1:]]] = 0
        return voxels


def covered(volume: Volume, inside: Inside | None) -> Volume:
    """A volume with 0 for what is no number under a mask; as it is without one, or of integers."""
    source = volume.source
    if inside is None or volume.dtype.kind != "f" or isinstance(bare(source), CoveredSource):
        return volume
    if isinstance(source, MendedSource):  # below it: a slice is judged by its own mask
        return volume.with_source(source.onto(CoveredSource(source.source, inside)))
    return volume.with_source(CoveredSource(source, inside))


def bare(source: Source) -> Source:
    """What lies below a source that stands in for missing slices."""
    return source.source if isinstance(source, MendedSource) else source


def stored(source: Source) -> Source:
    """A source as its files are, whatever a mask covers."""
    while isinstance(source, CoveredSource):
        source = source.source
    return source
