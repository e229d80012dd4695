"""Write OME-Zarr 0.5 with downsampled levels."""

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

#: Metadata of every Zarr group.
GROUP = {"zarr_format": 3, "node_type": "group"}


#: Chunks of zeros are stored, too, so that a missing chunk was never written.
EVERY_CHUNK: ArrayConfigParams = {"write_empty_chunks": True}


class OmeZarrWriter(VolumeWriter):
    """Writer of OME-Zarr 0.5 that takes slices in any order; each chunk lies in one slice.

    Each further level keeps every slice, and every second pixel of the level before in y and x. So
    a slice is written to all levels at once, and labels remain labels.
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
        """Rewrite a damaged ``zarr.json``, all of whose content is known here."""
        if _is_damaged(self.path, lambda: zarr.open_group(self.path).attrs["ome"]):
            write_json(self.path / "zarr.json", group)
        for level in (self.path / str(k) for k in range(levels)):
            if _is_damaged(level, partial(zarr.open_array, level)):
                (level / "zarr.json").unlink()  # created again below, around the existing chunks

    def _level(self, group: zarr.Group, name: str, step: int) -> zarr.Array[Any]:
        z, y, x = self.shape
        shape = (z, -(-y // step), -(-x // step))
        if name in group:
            array = group[name]
            assert isinstance(array, zarr.Array)
            check_same(self.path, array.shape, array.dtype, shape, self.dtype)
            return array.with_config(EVERY_CHUNK)  # not part of the stored metadata
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
        for file in self._files(z):  # Zarr does not flush files to the disk
            synchronise(file)

    def _reads(self, z: int) -> bool:
        for array in self._arrays:
            array[z]  # each chunk ends in a checksum, except those of earlier versions
        return True

    def _files(self, z: int) -> list[Path]:
        return [file for array in self._arrays for file in self._chunks(array, z)]

    def _chunks(self, array: zarr.Array[Any], z: int) -> Iterator[Path]:
        """Yield the files of one slice of a level; a chunk lies in one slice."""
        rows, columns = (
            range(-(-n // side)) for n, side in zip(array.shape[1:], array.chunks[1:], strict=True)
        )
        for chunk in product((z,), rows, columns):
            yield self.path / array.path / array.metadata.encode_chunk_key(chunk)


def _is_damaged(folder: Path, read: Callable[[], object]) -> bool:
    """Whether a folder has a ``zarr.json`` from which ``read`` fails."""
    if not (folder / "zarr.json").is_file():
        return False
    try:
        read()
    except Exception:  # damaged files raise errors of every kind
        return True
    return False
