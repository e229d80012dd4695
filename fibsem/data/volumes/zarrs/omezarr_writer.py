"""OME-Zarr 0.5, with smaller levels beside the full one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.array_spec import ArrayConfigParams

from fibsem.data.volumes.voxels import Voxels
from fibsem.data.volumes.writer import VolumeWriter, check_same, occupied
from fibsem.data.volumes.zarrs.ome import CHUNK, levels_of, ome_attributes
from fibsem.errors import UserError
from fibsem.system.files import synchronise, write_json

#: What every group of Zarr says of itself, and every array says, too.
GROUP = {"zarr_format": 3, "node_type": "group"}


#: Chunks of zeros are stored, too: what is not there was never written.
EVERY_CHUNK: ArrayConfigParams = {"write_empty_chunks": True}


class OmeZarrWriter(VolumeWriter):
    """OME-Zarr 0.5 in any order; a chunk lies in one slice.

    Each further level has every second pixel of the one before in the slice, and every slice, so
    that a slice is written to all levels at once; labels stay labels.
    """

    def _start(self) -> None:
        if occupied(self.path) and not (self.path / "zarr.json").is_file():
            raise UserError(
                f"an OME-Zarr to be continued must have zarr.json, but {self.path} has none."
            )
        levels = levels_of(self.shape[1:])
        ome = ome_attributes(self.path.name, self.voxel_nm, levels, self.meanings)
        self._mend(len(levels), {"attributes": {"ome": ome}, **GROUP})
        group = zarr.open_group(self.path, mode="a", zarr_format=3)
        if "0" not in group:
            group.attrs["ome"] = ome
        self._arrays = [self._level(group, str(k), step) for k, step in enumerate(levels)]

    def _mend(self, levels: int, group: Mapping[str, object]) -> None:
        """Write a damaged ``zarr.json`` anew: all that it says is known here."""
        if _is_damaged(self.path, lambda: zarr.open_group(self.path).attrs["ome"]):
            write_json(self.path / "zarr.json", group)
        for place in (self.path / str(k) for k in range(levels)):
            if _is_damaged(place, partial(zarr.open_array, place)):
                (place / "zarr.json").unlink()  # it is laid out again, around its chunks

    def _level(self, group: zarr.Group, name: str, step: int) -> zarr.Array[Any]:
        z, y, x = self.shape
        shape = (z, -(-y // step), -(-x // step))
        if name in group:
            array = group[name]
            assert isinstance(array, zarr.Array)
            check_same(self.path, array.shape, array.dtype, shape, self.dtype)
            return array.with_config(EVERY_CHUNK)  # the files do not say it
        return group.create_array(
            name,
            shape=shape,
            dtype=self.dtype,
            chunks=(1, min(CHUNK, shape[1]), min(CHUNK, shape[2])),
            compressors=(ZstdCodec(level=3), Crc32cCodec()),
            dimension_names=("z", "y", "x"),
            config=EVERY_CHUNK,
        )

    def _write_slice(self, z: int, image: Voxels) -> None:
        for k, array in enumerate(self._arrays):
            array[z] = image[:: 2**k, :: 2**k]
        for file in self._files(z):  # Zarr leaves it to the system when they reach the disk
            synchronise(file)

    def _reads(self, z: int) -> bool:
        for array in self._arrays:
            array[z]  # each chunk ends in a checksum; those of versions before do not
        return True

    def _files(self, z: int) -> list[Path]:
        return [file for array in self._arrays for file in self._chunks(array, z)]

    def _chunks(self, array: zarr.Array[Any], z: int) -> Iterator[Path]:
        """The files of one slice of a level; a chunk lies in one slice."""
        rows, columns = (
            range(-(-n // side)) for n, side in zip(array.shape[1:], array.chunks[1:], strict=True)
        )
        for place in product((z,), rows, columns):
            yield self.path / array.path / array.metadata.encode_chunk_key(place)


def _is_damaged(folder: Path, read: Callable[[], object]) -> bool:
    """Whether a folder has a ``zarr.json`` that does not say what is read of it."""
    if not (folder / "zarr.json").is_file():
        return False
    try:
        read()
    except Exception:  # damaged files raise errors of every kind
        return True
    return False
