"""A volume under a mask of material, where NaN and infinity outside the material are ignored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fibsem.data.volumes.mended import MendedSource
from fibsem.data.volumes.source import Around, Source
from fibsem.data.volumes.volume import Volume
from fibsem.data.volumes.voxels import Voxels
from fibsem.geometry import Box

#: Returns whether each pixel of a slice is material, (y, x), or None if all are.
Inside = Callable[[int], npt.NDArray[np.bool_] | None]


class CoveredSource(Around):
    """Source that reads non-finite values outside the material as 0.

    Programs that register slices leave NaN where an image was moved away.

    Parameters
    ----------
    source
        A source of float values.
    inside
        Returns the material of a slice.
    """

    def __init__(self, source: Source, inside: Inside) -> None:
        super().__init__(source)
        self.inside = inside

    def onto(self, source: Source) -> CoveredSource:
        """Return another source, covered by the mask of this source."""
        return CoveredSource(source, self.inside)

    def read(self, box: Box) -> Voxels:
        """Return the voxels of a box inside the volume as a new array."""
        voxels = self.source.read(box)
        for z, image in enumerate(voxels, box.start[0]):
            odd = ~np.isfinite(image)
            if odd.any() and (inside := self.inside(z)) is not None:
                image[odd & ~inside[box.slices[1:]]] = 0
        return voxels


def covered(volume: Volume, inside: Inside | None) -> Volume:
    """Return a volume of floats under a mask; unchanged if it has integers or there is no mask."""
    source = volume.source
    if inside is None or volume.dtype.kind != "f" or isinstance(bare(source), CoveredSource):
        return volume
    if isinstance(source, MendedSource):  # below it, so that each slice is read under its own mask
        return volume.with_source(source.onto(CoveredSource(source.source, inside)))
    return volume.with_source(CoveredSource(source, inside))


def bare(source: Source) -> Source:
    """Return the source below one that replaces missing slices."""
    return source.source if isinstance(source, MendedSource) else source


def stored(source: Source) -> Source:
    """Return a source without masks, as its files are."""
    while isinstance(source, CoveredSource):
        source = source.source
    return source
