"""Shards of a Zarr: files of many chunks with an index of their positions at one end."""

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

#: Offset and length of a chunk that a shard does not hold.
NOWHERE = np.iinfo(np.uint64).max
#: Supported codecs of an index, with the bytes that each adds to it.
PLAIN = {"bytes": 0, "crc32c": 4}


@dataclass(frozen=True)
class Shards:
    """Layout of the shards of an array.

    Attributes
    ----------
    grid, sides
        Number of chunks in a shard, and of voxels in a chunk, along each axis.
    added
        Bytes of the index in addition to two numbers for each chunk.
    at_end
        Whether the index is at the end of a file; else at the beginning.
    """

    grid: tuple[int, ...]
    sides: tuple[int, ...]
    added: int
    at_end: bool

    @classmethod
    def of(cls, array: zarr.Array[Any]) -> Shards | None:
        """Return the shards of an array, or None if it has none or an unsupported index."""
        codec = next(iter(getattr(array.metadata, "codecs", ())), None)
        if not isinstance(codec, ShardingCodec):
            return None
        names = [str(index_codec.to_dict()["name"]) for index_codec in codec.index_codecs]
        big = any(
            getattr(index_codec, "endian", None) == Endian.big for index_codec in codec.index_codecs
        )
        if big or not set(names) <= PLAIN.keys():
            return None
        pairs = zip(array.shards or array.chunks, array.chunks, strict=True)
        grid = tuple(shard // side for shard, side in pairs)
        at_end = codec.index_location == ShardingCodecIndexLocation.end
        return cls(grid, array.chunks, sum(PLAIN[name] for name in names), at_end)

    def lacking(self, file: Path, corner: Triple, box: Box) -> Iterator[Triple]:
        """Yield corners (z, y, x) of chunks in a box that the shard at ``corner`` does not hold.

        Chunks beyond the end of the array are in no shard.
        """
        stored = self.stored(file)[(0,) * (len(self.grid) - 3)]
        depth, height, width = self.sides[-3:]
        for k, j, i in np.argwhere(~stored):
            z, y, x = corner[0] + k * depth, corner[1] + j * height, corner[2] + i * width
            if Box((z, y, x), (z + depth, y + height, x + width)).overlaps(box):
                yield int(z), int(y), int(x)

    def stored(self, file: Path) -> npt.NDArray[np.bool_]:
        """Return which chunks a shard holds, in the shape of the grid.

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
