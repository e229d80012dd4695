"""Shards of a Zarr: files of many chunks, of which each begins or ends with where they lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import Endian, ShardingCodec, ShardingCodecIndexLocation

from fibsem.geometry import Box, Triple

#: Place and length of a chunk that a shard does not hold.
NOWHERE = np.iinfo(np.uint64).max
#: Codecs of an index, with the bytes that each adds to it.
PLAIN = {"bytes": 0, "crc32c": 4}


@dataclass(frozen=True)
class Shards:
    """How the shards of an array are laid out.

    Attributes
    ----------
    grid, sides
        Chunks of a shard, and voxels of a chunk, along each axis.
    added
        Bytes of the index beside two numbers for each of them.
    at_end
        Whether it is the end of a file; else its beginning.
    """

    grid: tuple[int, ...]
    sides: tuple[int, ...]
    added: int
    at_end: bool

    @classmethod
    def of(cls, array: zarr.Array[Any]) -> Shards | None:
        """The shards of an array; None where it has none, or an index of another kind."""
        codec = next(iter(getattr(array.metadata, "codecs", ())), None)
        if not isinstance(codec, ShardingCodec):
            return None
        names = [str(one.to_dict()["name"]) for one in codec.index_codecs]
        big = any(getattr(one, "endian", None) == Endian.big for one in codec.index_codecs)
        if big or not set(names) <= PLAIN.keys():
            return None
        pairs = zip(array.shards or array.chunks, array.chunks, strict=True)
        grid = tuple(shard // side for shard, side in pairs)
        at_end = codec.index_location == ShardingCodecIndexLocation.end
        return cls(grid, array.chunks, sum(PLAIN[name] for name in names), at_end)

    def lacking(self, file: Path, corner: Triple, box: Box) -> Iterator[Triple]:
        """Corners (z, y, x) of the chunks of a box that a shard from ``corner`` on does not hold.

        Chunks beyond the end of the array are in none.
        """
        stored = self.stored(file)[(0,) * (len(self.grid) - 3)]
        depth, height, width = self.sides[-3:]
        for k, j, i in np.argwhere(~stored):
            z, y, x = corner[0] + k * depth, corner[1] + j * height, corner[2] + i * width
            if Box((z, y, x), (z + depth, y + height, x + width)).overlaps(box):
                yield int(z), int(y), int(x)

    def stored(self, file: Path) -> npt.NDArray[np.bool_]:
        """Which chunks a shard holds, of the shape of the grid.

        Raises
        ------
        ValueError
            If the file is shorter than its index.
        """
        size = 16 * prod(self.grid) + self.added
        with file.open("rb") as stream:
            if self.at_end:
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - size))
            index = np.frombuffer(stream.read(size)[: size - self.added], "<u8")
        return (index.reshape(*self.grid, 2) != NOWHERE).all(axis=-1)
