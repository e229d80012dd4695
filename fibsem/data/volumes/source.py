"""What every kind of volume file has in common: its interface, its dtypes, its units."""

from __future__ import annotations

import weakref
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fibsem.data.volumes.writers import DTYPES, VoxelNm, Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple

File = Path | zipfile.Path
#: A file, and where in it.
Place = tuple[File, str]

NM = {
    "nm": 1.0, "nanometer": 1.0, "Å": 0.1, "angstrom": 0.1, "m": 1e9, "meter": 1e9,
    "um": 1e3, "µm": 1e3, "μm": 1e3, r"\u00B5m": 1e3, "micron": 1e3, "microns": 1e3,
    "micrometer": 1e3, "mm": 1e6, "millimeter": 1e6, "cm": 1e7, "centimeter": 1e7,
}  # fmt: skip


class Source(Protocol):
    """Where the voxels of a volume lie."""

    @property
    def shape(self) -> Triple: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def voxel_nm(self) -> VoxelNm: ...

    def read(self, box: Box) -> Voxels:
        """Voxels of a box inside the volume, as a new array."""

    def name(self, z: int) -> str:
        """Slice z as messages call it, with its file."""

    def identity(self) -> list[Any]:
        """List what changes when the content changes."""

    def places(self, z: int) -> list[Place]:
        """Where slice z lies; nowhere if it is in memory."""


def check_dtype(dtype: np.dtype[Any] | None, name: object) -> np.dtype[Any]:
    """Return the native form of a supported dtype."""
    native = None if dtype is None else dtype.newbyteorder("=")
    if native not in DTYPES:
        choices = ", ".join(map(str, DTYPES))
        raise UserError(f"voxels must be {choices}, but {name} holds {native or 'odd bits'}.")
    return native


def check_grey(
    image: Voxels, right: npt.NDArray[np.bool_], rule: str, remedy: str, name: str
) -> None:
    """Refuse an image of which not every value is right."""
    if not right.all():
        raise UserError(f"grey values must {rule}, but {name} holds {image[~right][0]}; {remedy}.")


def check_finite(image: Voxels, name: str) -> None:
    """Refuse float values that are no numbers."""
    if image.dtype.kind == "f":
        check_grey(image, np.isfinite(image), "be finite", "mend the slice", name)


def open_zip(path: Path) -> zipfile.Path:
    """Open a zip archive, which closes when nobody refers to it any more."""
    archive = zipfile.ZipFile(path)
    # Left to the collector of cycles, the file might be finalised before the archive closes it.
    weakref.finalize(archive, archive.fp.close)  # type: ignore[union-attr]
    return zipfile.Path(archive)


def file_identity(file: File) -> list[Any]:
    """What changes with a file's content, in text and numbers, without reading it."""
    if isinstance(file, Path):
        status = file.stat()
        return [file.name, status.st_size, status.st_mtime_ns]
    member = file.root.getinfo(file.at)
    return [member.filename, member.file_size, member.CRC]


@dataclass(frozen=True, eq=False)
class Around:
    """A source around another one: all but its voxels is the other's."""

    source: Source

    @property
    def shape(self) -> Triple:
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    @property
    def voxel_nm(self) -> VoxelNm:
        return self.source.voxel_nm

    def name(self, z: int) -> str:
        return self.source.name(z)

    def identity(self) -> list[Any]:
        return self.source.identity()

    def places(self, z: int) -> list[Place]:
        return self.source.places(z)
