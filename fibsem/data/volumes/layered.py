"""A volume whose chunks hold many slices: each is decoded once if slices are read in sequence."""

from __future__ import annotations

from copy import copy
from math import prod
from typing import Any

import numpy as np

from fibsem.data.volumes.source import Around, Source
from fibsem.data.volumes.voxels import Voxels
from fibsem.geometry import Box

#: Maximum size in bytes of a cached layer; in larger ones every slice is decoded by itself.
MOST_BYTES = 2**30


class DeepSource(Around):
    """Source that reads all slices of a layer of chunks at once, and caches the last layer.

    Parameters
    ----------
    source
        A source that stores ``depth`` slices together.
    depth
        Number of slices in a layer; layers begin at its multiples.
    """

    def __init__(self, source: Source, depth: int) -> None:
        super().__init__(source)
        self.depth = depth
        #: The last layer and its box; never changed in place, so threads may share it.
        self._last: tuple[Box, Voxels] | None = None

    @property
    def kept_bytes(self) -> int:
        """Size in bytes of a cached layer of whole slices; 0 if it is too large to be cached."""
        size = prod((self.depth, *self.shape[1:])) * self.dtype.itemsize
        return size if size <= MOST_BYTES else 0

    def read(self, box: Box) -> Voxels:
        voxels = np.empty(box.shape, self.dtype)
        z = box.start[0]
        while z < box.stop[0]:
            stop = min(z - z % self.depth + self.depth, box.stop[0])
            in_layer = Box((z, *box.start[1:]), (stop, *box.stop[1:]))
            voxels[z - box.start[0] : stop - box.start[0]] = self._in_layer(in_layer)
            z = stop
        return voxels

    def __reduce__(self) -> tuple[Any, ...]:  # do not pickle the cached layer
        return type(self), (self.source, self.depth)

    def _in_layer(self, box: Box) -> Voxels:
        """Read a box that lies inside one layer."""
        last = self._last
        if last is not None and box.within(last[0]):
            return last[1][box.slices_in(last[0])]
        del last  # frees the old layer before the next one is read
        first = box.start[0] - box.start[0] % self.depth
        stop = min(first + self.depth, self.shape[0])
        layer = Box((first, *box.start[1:]), (stop, *box.stop[1:]))
        if layer.size * self.dtype.itemsize > MOST_BYTES:
            return self.source.read(box)
        self._last = None
        voxels = self.source.read(layer)
        self._last = layer, voxels
        return voxels[box.slices_in(layer)]


def anew(source: Source) -> Source:
    """Return a copy of a source without cached layers, which reads its files as they are now."""
    if not isinstance(source, Around):
        return source
    again = copy(source)
    again.source = anew(source.source)
    return again
