"""Write a series of TIFF slices, or one BigTIFF."""

from __future__ import annotations

import io
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from fibsem.data.volumes.voxels import VoxelNm, Voxels
from fibsem.data.volumes.writer import VolumeWriter, check_same, occupied
from fibsem.errors import UserError
from fibsem.system.files import new_beside, remove_leftovers, replace_file, room_for

NM_PER_CM = 1e7


class SeriesWriter(VolumeWriter):
    """Writer of a folder of slices, numbered from 0, in any order."""

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
        except Exception:  # damaged: `holds` returns False, and the slice is written again
            return
        check_same(file, shape, dtype, self.shape[1:], self.dtype)

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
    """Writer of one file, in order and under a temporary name."""

    def _start(self) -> None:
        if occupied(self.path):
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
        """Rename the file to its final name, or raise ValueError if slices are missing."""
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
        # On a full disk closing fails, too; the first error is the one to show.
        with suppress(OSError):
            self._tiff.close()
        self._beside.unlink(missing_ok=True)
        os.close(self._held)


def _page_options(dtype: np.dtype[Any], voxel_nm: VoxelNm) -> dict[str, Any]:
    """Options for pages that every reader supports; pixels per centimetre, 0 if unknown."""
    _, y, x = voxel_nm
    has_size = x is not None or y is not None
    return {
        "photometric": "minisblack",
        "compression": "zlib" if dtype == np.uint8 else None,
        "metadata": None,
        "software": False,
        "resolution": (NM_PER_CM / x if x else 0, NM_PER_CM / y if y else 0) if has_size else None,
        "resolutionunit": "CENTIMETER" if has_size else None,
    }


def _imagej_description(depth: int, voxel_nm: VoxelNm) -> str:
    """Describe the voxel depth like ImageJ, in the unit of the resolution tags; it shows µm."""
    lines = ["ImageJ=1.54f", f"images={depth}", f"slices={depth}"]
    if any(voxel_nm):
        lines.append("unit=cm")
    if voxel_nm[0]:
        lines.append(f"spacing={voxel_nm[0] / NM_PER_CM:.12g}")
    return "\n".join([*lines, "loop=false", ""])
