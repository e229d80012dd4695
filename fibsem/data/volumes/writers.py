"""Write volumes slab by slab: a series of TIFF slices, one BigTIFF, or OME-Zarr 0.5.

Slices and chunks are written beside and renamed; a BigTIFF appears when its last slice is in it.
A stopped series or OME-Zarr can be continued; a BigTIFF cannot, its last page being unfinished.
"""

from __future__ import annotations

import io
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import tifffile
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.array_spec import ArrayConfigParams

from fibsem.data.volumes.ome import CHUNK, Meaning, VoxelNm, levels_of, ome_attributes
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.system.files import (
    new_beside,
    remove_leftovers,
    replace_file,
    room_for,
    synchronise,
    write_json,
)

Voxels = npt.NDArray[Any]
Format = Literal["tiff", "ome-zarr", "bigtiff"]

DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
UNKNOWN_NM: VoxelNm = (None, None, None)
NM_PER_CM = 1e7


def create_volume(
    path: str | Path,
    shape: Triple,
    dtype: npt.DTypeLike,
    *,
    format: Format,  # noqa: A002
    voxel_nm: VoxelNm = UNKNOWN_NM,
    meanings: Sequence[Meaning] = (),
    resume: bool = False,
) -> VolumeWriter:
    """Create a volume on disk, to be filled slab by slab.

    Parameters
    ----------
    path
        ``tiff`` and ``ome-zarr``: a folder; ``bigtiff``: a file.
    shape
        (z, y, x).
    dtype
        uint8, uint16 or float32.
    format
        ``tiff``: a folder of ``slice_0000.tif`` and so on; ``bigtiff``: one file, written in order;
        ``ome-zarr``: OME-Zarr 0.5 in chunks of one slice.
    voxel_nm
        Voxel size (z, y, x) in nm, None where unknown; stored so that `open_volume` finds it.
    meanings
        What the values of labels stand for; stored in an OME-Zarr.
    resume
        Continue a series or an OME-Zarr of equal shape and dtype, if there is one.

    Returns
    -------
    VolumeWriter
        A context manager.

    Raises
    ------
    UserError
        If something is at ``path`` that may not be, or cannot be, continued.

    Notes
    -----
    uint8 pages are deflated, because labels shrink a hundredfold; other pages are not, because the
    noise in grey values does not shrink and boxes of plain pages are read row by row.
    """
    path, dtype = Path(path), np.dtype(dtype)
    if format not in WRITERS:
        choices = ", ".join(get_args(Format))
        raise UserError(f"`format` must be one of {choices}, but got {format}.")
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be uint8, uint16 or float32, but got {dtype}")
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"shape must be three positive extents (z, y, x), but got {shape}")
    if not resume and _occupied(path):
        raise UserError(f"an output must be a new or empty path, but {path} is there already.")
    with room_for(path):
        return WRITERS[format](path, shape, dtype, voxel_nm, meanings)


class VolumeWriter(ABC):
    """Where slices go; a context manager that finishes the volume, or gives it up on an error."""

    def __init__(
        self,
        path: Path,
        shape: Triple,
        dtype: np.dtype[Any],
        voxel_nm: VoxelNm,
        meanings: Sequence[Meaning] = (),
    ) -> None:
        self.path, self.shape, self.dtype, self.voxel_nm = path, shape, dtype, voxel_nm
        self.meanings = meanings
        self._start()

    def write(self, z: int, block: Voxels) -> None:
        """Write a block (k, y, x) at slices z to z + k.

        Raises
        ------
        ValueError
            If dtype or extent are not those of the volume, or a BigTIFF is not written in order.
        UserError
            If the disk is full.
        """
        if block.dtype != self.dtype:
            raise ValueError(f"a block must be {self.dtype}, but is {block.dtype}")
        fits = block.ndim == 3 and block.shape[1:] == self.shape[1:]
        if not fits or z < 0 or z + len(block) > self.shape[0]:
            raise ValueError(f"a block must lie in {self.shape}, but is {block.shape} at slice {z}")
        with room_for(self.path):
            for k, image in enumerate(block):
                self._write_slice(z + k, image)

    def close(self) -> None:  # noqa: B027 - most formats have nothing left to do
        """Finish the volume."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._give_up()

    def holds(self, z: int) -> bool:
        """Whether slice z is there, whole: every part of it is read, and its checksum compared."""
        if not all(file.is_file() and file.stat().st_size for file in self._files(z)):
            return False
        try:
            return self._reads(z)
        except MemoryError:  # says nothing of the slice
            raise
        except Exception:  # damaged files raise errors of every kind
            return False

    @abstractmethod
    def _reads(self, z: int) -> bool:
        """Read all of slice z; whether it is of this volume."""

    @abstractmethod
    def _start(self) -> None:
        """Create the files, or find them."""

    @abstractmethod
    def _files(self, z: int) -> list[Path]:
        """The files that slice z is in."""

    @abstractmethod
    def _write_slice(self, z: int, image: Voxels) -> None:
        """Write slice z, (y, x)."""

    def _give_up(self) -> None:  # noqa: B027 - most formats have nothing open
        """Leave what can be continued."""


class SeriesWriter(VolumeWriter):
    """A folder of slices numbered from 0, in any order."""

    def _start(self) -> None:
        if self.path.is_file():
            raise UserError(f"a TIFF series must be a folder, but {self.path} is a file.")
        self.path.mkdir(parents=True, exist_ok=True)
        self._digits = max(4, len(str(self.shape[0] - 1)))
        for file in sorted(self.path.glob("slice_*.tif")):
            self._check_continues(file)

    def _check_continues(self, file: Path) -> None:
        number = re.fullmatch(rf"slice_(\d{{{self._digits}}})\.tif", file.name)
        if number is None or int(number[1]) >= self.shape[0]:
            raise UserError(
                f"a series to be continued must have {self.shape[0]} slices, but holds {file}."
            )
        try:
            with tifffile.TiffFile(file) as tiff:
                page = tiff.pages.first
                shape, dtype = page.shape, page.dtype
        except Exception:  # damaged: it is not held, and written again
            return
        _check_same(file, shape, dtype, self.shape[1:], self.dtype)

    def _reads(self, z: int) -> bool:
        image = tifffile.imread(self._files(z)[0])  # deflated pages end in a checksum
        return image.shape == self.shape[1:] and image.dtype == self.dtype

    def _write_slice(self, z: int, image: Voxels) -> None:
        page = io.BytesIO()
        description = _imagej_description(1, self.voxel_nm)
        with tifffile.TiffWriter(page) as tiff:
            tiff.write(image, description=description, **_page_options(self.dtype, self.voxel_nm))
        replace_file(self._files(z)[0], page.getvalue())

    def _files(self, z: int) -> list[Path]:
        return [self.path / f"slice_{z:0{self._digits}d}.tif"]


class BigTiffWriter(VolumeWriter):
    """One file, written in order under a temporary name."""

    def _start(self) -> None:
        if _occupied(self.path):
            raise UserError(
                f"a BigTIFF cannot be continued, but {self.path} is there already; "
                "formats that can: tiff, ome-zarr."
            )
        remove_leftovers(self.path.parent, deep=False)
        self._beside, self._held = new_beside(self.path)
        self._tiff = tifffile.TiffWriter(self._beside, bigtiff=True)
        self._next = 0

    def _write_slice(self, z: int, image: Voxels) -> None:
        if z != self._next:
            raise ValueError(f"a BigTIFF must be written in order: slice {self._next}, not {z}")
        first = _imagej_description(self.shape[0], self.voxel_nm) if z == 0 else None
        self._tiff.write(image, description=first, **_page_options(self.dtype, self.voxel_nm))
        self._next += 1

    def _files(self, z: int) -> list[Path]:
        return [self.path]

    def _reads(self, z: int) -> bool:
        image = tifffile.imread(self.path, key=z)
        return image.shape == self.shape[1:] and image.dtype == self.dtype

    def close(self) -> None:
        """Rename the file to its own name, if every slice is in it."""
        if not self._beside.exists():
            return
        if self._next < self.shape[0]:
            self._give_up()
            raise ValueError(f"{self.path} needs {self.shape[0]} slices, but got {self._next}")
        with room_for(self.path):
            self._tiff.close()
            os.fsync(self._held)
            self._beside.replace(self.path)
            os.close(self._held)

    def _give_up(self) -> None:
        # On a full disk closing fails as writing did; the first error is the one to show.
        with suppress(OSError):
            self._tiff.close()
        self._beside.unlink(missing_ok=True)
        os.close(self._held)


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
        if _occupied(self.path) and not (self.path / "zarr.json").is_file():
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

    def _mend(self, levels: int, group: dict[str, Any]) -> None:
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
            _check_same(self.path, array.shape, array.dtype, shape, self.dtype)
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


WRITERS: dict[str, type[VolumeWriter]] = {
    "tiff": SeriesWriter,
    "bigtiff": BigTiffWriter,
    "ome-zarr": OmeZarrWriter,
}


def _occupied(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _check_same(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    wanted_shape: tuple[int, ...],
    wanted_dtype: np.dtype[Any],
) -> None:
    if shape != wanted_shape or dtype != wanted_dtype:
        raise UserError(
            f"a volume to be continued must be {wanted_shape} {wanted_dtype}, "
            f"but {path} is {shape} {dtype}."
        )


def _page_options(dtype: np.dtype[Any], voxel_nm: VoxelNm) -> dict[str, Any]:
    """Pages that every reader knows; pixels per centimetre, 0 where the size is unknown."""
    _, y, x = voxel_nm
    known = x is not None or y is not None
    return {
        "photometric": "minisblack",
        "compression": "zlib" if dtype == np.uint8 else None,
        "metadata": None,
        "software": False,
        "resolution": (NM_PER_CM / x if x else 0, NM_PER_CM / y if y else 0) if known else None,
        "resolutionunit": "CENTIMETER" if known else None,
    }


def _imagej_description(depth: int, voxel_nm: VoxelNm) -> str:
    """Note the voxel depth as ImageJ does, in the unit of the resolution tags; ImageJ shows µm."""
    lines = ["ImageJ=1.54f", f"images={depth}", f"slices={depth}"]
    if any(voxel_nm):
        lines.append("unit=cm")
    if voxel_nm[0]:
        lines.append(f"spacing={voxel_nm[0] / NM_PER_CM:.12g}")
    return "\n".join([*lines, "loop=false", ""])
