"""OME-Zarr 0.4 and 0.5: the full resolution of one multiscale picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from fibsem.data.volumes.source import NM, Place, check_dtype, file_identity
from fibsem.data.volumes.writers import UNKNOWN_NM, VoxelNm, Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple


@dataclass(frozen=True)
class ZarrSource:
    """The full resolution of an OME-Zarr; axes before z have one entry.

    Attributes
    ----------
    folder, array, voxel_nm
        Where it lies.
    sparse
        Whether chunks that are not stored hold the fill value.
    """

    folder: Path
    array: zarr.Array[Any]
    voxel_nm: VoxelNm
    sparse: bool = False

    @property
    def shape(self) -> Triple:
        z, y, x = self.array.shape[-3:]
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype.newbyteorder("=")

    @property
    def depth(self) -> int:
        """Slices of a chunk, which are decoded together."""
        return int(self.array.chunks[-3])

    def read(self, box: Box) -> Voxels:
        if not self.sparse:
            self._check_stored(box)
        index: tuple[int | slice, ...] = (*(0,) * (self.array.ndim - 3), *box.slices)
        try:
            return np.asarray(self.array[index], self.dtype)
        except MemoryError:  # says nothing of the chunk
            raise
        except Exception as error:  # each codec has errors of its own
            reason = " ".join(str(error).split())[:150]
            raise UserError(
                f"chunks must be whole, but {self.name(box.start[0])} to "
                f"{box.stop[0] - 1} cannot be decoded ({reason})."
            ) from error

    def name(self, z: int) -> str:
        return f"{self.folder}, slice {z}"

    def identity(self) -> list[Any]:
        """Its chunks and what is said of it: labels may lie in the same folder."""
        home = self.folder / self.array.path
        files = sorted(
            {
                *(Path(folder, name) for folder, _, names in os.walk(home) for name in names),
                *(file for file in self.folder.iterdir() if file.is_file()),
            }
        )
        return [
            [file.relative_to(self.folder).as_posix(), *file_identity(file)[1:]] for file in files
        ]

    def places(self, z: int) -> list[Place]:
        box = Box((z, 0, 0), (z + 1, *self.shape[1:]))
        return [(file, "") for _, file in self._stored(box)]

    def _stored(self, box: Box) -> Iterator[tuple[Triple, Path]]:
        """Corner (z, y, x) and file of every chunk, or shard of chunks, that a box touches."""
        stored = self.array.shards or self.array.chunks
        sides = stored[-3:]
        ranges = [
            range(a // side, -(-b // side))
            for a, b, side in zip(box.start, box.stop, sides, strict=True)
        ]
        home = self.folder / self.array.path
        for place in product(*ranges):
            key = self.array.metadata.encode_chunk_key((*(0,) * (len(stored) - 3), *place))
            z, y, x = (k * side for k, side in zip(place, sides, strict=True))
            yield (z, y, x), home / key

    def _check_stored(self, box: Box) -> None:
        """Refuse chunks that were never written or got lost: zeros would pass for pores."""
        for (z, y, x), file in self._stored(box):
            if not file.is_file():
                raise UserError(
                    f"every chunk must be stored, but {self.name(max(z, box.start[0]))} lacks the "
                    f"one from (y, x) = ({y}, {x}) on; where that is black, write it with "
                    "write_empty_chunks=True."
                )


def open_zarr(folder: Path, *, sparse: bool = False) -> ZarrSource:
    """Open the full resolution of an OME-Zarr, or a plain Zarr array.

    ``sparse=True`` reads chunks that are not stored as the fill value.
    """
    try:
        node = zarr.open(folder, mode="r")
        multiscale: dict[str, Any] = {}
        if isinstance(node, zarr.Group):
            attributes: Any = node.attrs.asdict()
            multiscale = attributes.get("ome", attributes)["multiscales"][0]
            node = node[multiscale["datasets"][0]["path"]]
        names = [axis["name"] for axis in multiscale.get("axes", ())]
        voxel_nm = _multiscale_nm(multiscale)
    except Exception as error:  # missing keys, bad JSON, missing arrays
        raise UserError(
            f"an OME-Zarr must have `multiscales` with a readable array, but {folder} has none "
            f"({type(error).__name__}: {' '.join(str(error).split())[:150]})."
        ) from error
    assert isinstance(node, zarr.Array)
    _check_axes(node.shape, names, folder)
    check_dtype(node.dtype, folder)
    return ZarrSource(folder, node, voxel_nm, sparse)


def _check_axes(shape: tuple[int, ...], names: Sequence[str], folder: Path) -> None:
    ordered = not names or list(names[-3:]) == ["z", "y", "x"]
    if len(shape) < 3 or any(n != 1 for n in shape[:-3]) or not ordered:
        raise UserError(
            f"an OME-Zarr must be one stack with axes z, y, x, but {folder} has axes "
            f"{', '.join(names) or 'without names'} of {shape}."
        )


def _multiscale_nm(multiscale: dict[str, Any]) -> VoxelNm:
    """Voxel size from the units of the axes and the scales of the full resolution."""
    axes = multiscale.get("axes", [])[-3:]
    if len(axes) < 3:
        return UNKNOWN_NM
    sizes = [NM.get(axis.get("unit", "")) for axis in axes]
    for level in (multiscale["datasets"][0], multiscale):
        for transform in level.get("coordinateTransformations", []):
            if transform["type"] == "scale":
                factors = transform["scale"][-3:]
                sizes = [nm and nm * f for nm, f in zip(sizes, factors, strict=True)]
    return sizes[0], sizes[1], sizes[2]
