"""The interface of all volume sources, and checks of dtypes, values and zip archives."""

from __future__ import annotations

import weakref
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fibsem.data.volumes.faults import File, SliceError
from fibsem.data.volumes.voxels import DTYPES, UNKNOWN_NM, VoxelNm, Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple
from fibsem.system.advice import RANGE, VALID

#: A file and a location in it.
InFile = tuple[File, str]
#: Kinds of dtypes that labels may have: booleans, integers, and floats with integer values.
LABEL_KINDS = "buif"


@dataclass(frozen=True)
class Manner:
    """How a volume is opened.

    Attributes
    ----------
    gaps
        Whether slices may be missing or damaged.
    sparse
        Whether chunks that a Zarr does not store hold its fill value; else they are an error.
    pattern, series
        Which of several series in a folder to open, and which of several in a file.
    labels
        Whether it holds labels: booleans, integers, floats with integer values, or indices of a
        palette.
    voxel_nm
        Voxel size (z, y, x) in nm given on opening, None where it is not given.
    valid
        Which voxels are material, as stated by the dataset: ``auto``, ``all`` or a mask's path.
    unlabelled
        Label value of unlabelled pixels; chunks that are not stored may have it as fill value.

    Examples
    --------
    >>> Manner(gaps=True, pattern="img_#_ch0.tif").choice
    {'pattern': 'img_#_ch0.tif'}
    """

    gaps: bool = False
    sparse: bool = False
    pattern: str | None = None
    series: str | None = None
    labels: bool = False
    voxel_nm: VoxelNm = UNKNOWN_NM
    valid: str = "auto"
    unlabelled: int | None = None

    @property
    def choice(self) -> dict[str, object]:
        """Settings that distinguish this volume from other volumes at its path."""
        keys = {"pattern": self.pattern, "series": self.series, "sparse": self.sparse or None}
        return {key: value for key, value in keys.items() if value is not None}


#: Maximum number of files in an archive, and maximum size of each in bytes.
MOST, LARGEST = 1_000_000, 2**32
#: Flag bit of an archive member that needs a password.
LOCKED = 0x1


class Source(Protocol):
    """Interface for reading the voxels of a volume."""

    @property
    def shape(self) -> Triple:
        """Shape of the volume, (z, y, x)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxels as they are stored."""

    @property
    def voxel_nm(self) -> VoxelNm:
        """Size of a voxel in nm, (z, y, x); None along an axis without one."""

    @property
    def white(self) -> float:
        """The largest grey value that can be stored; 1 for floats."""

    def read(self, box: Box) -> Voxels:
        """Return the voxels of a box inside the volume as a new array."""

    def name(self, z: int) -> str:
        """Return the name of slice z in messages, including its file."""

    def identity(self) -> list[Any]:
        """Return a list that changes when the content changes."""

    def places(self, z: int) -> list[InFile]:
        """Return where slice z is stored; empty if it is in memory."""


def check_dtype(dtype: np.dtype[Any] | None, name: object, *, labels: bool = False) -> None:
    """Raise SliceError for a dtype that volumes, or labels, cannot have."""
    native = None if dtype is None else dtype.newbyteorder("=")
    if native is None or (native.kind not in LABEL_KINDS if labels else native not in DTYPES):
        choices = "whole numbers or truth values" if labels else ", ".join(map(str, DTYPES))
        kind = "labels" if labels else "voxels"
        cast = (
            ""
            if labels
            else f", to float32 (with `{RANGE}`) where values are negative or fractions"
        )
        raise SliceError(
            f"{kind} must be {choices}, but {name} holds {native or 'odd bits'}; convert it{cast}."
        )


def white_of(dtype: np.dtype[Any], bits: int | None = None) -> float:
    """Return the largest value of a dtype, of which ``bits`` are used; 1 for floats."""
    if dtype.kind == "f":
        return 1.0
    return float(2**bits - 1) if bits else float(np.iinfo(dtype).max)


def check_grey(
    image: Voxels,
    right: npt.NDArray[np.bool_],
    rule: str,
    remedy: str,
    name: str,
    kind: str = "grey values",
) -> None:
    """Raise SliceError unless ``right`` is true for all values of an image."""
    if not right.all():
        raise SliceError(f"{kind} must {rule}, but {name} holds {image[~right][0]}; {remedy}.")


#: Remedies for non-finite values. Zeros would count as a class in labels.
WRITE_ZEROS = (
    "0 wherever they are, leaves them out; or write 0 where the film shows nothing: a rim of one "
    "value is left out"
)
WRITE_NUMBERS = (
    "write a number of its own where nobody labelled, which `ignore` names in a manifest, or 0 in "
    "a mask of `valid`"
)


def check_finite(image: Voxels, name: str, *, labels: bool = False) -> None:
    """Raise SliceError for non-finite float values."""
    if image.dtype.kind == "f":
        remedy = WRITE_NUMBERS if labels else f"{VALID.at('MASK')}, {WRITE_ZEROS}"
        kind = "label values" if labels else "grey values"
        check_grey(image, np.isfinite(image), "be finite", remedy, name, kind)


def open_zip(path: Path) -> zipfile.Path:
    """Open a zip archive that is closed when it is no longer referenced.

    Raises
    ------
    UserError
        If it is damaged, needs a password, or has too many or too large files.

    Examples
    --------
    ```python
    open_volume(open_zip(Path("published.zip")) / "film/").shape
    ```
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError) as error:
        raise UserError(f"an archive must be a whole zip, but {path} is not: {error}.") from error
    _check_members(archive.infolist(), path)
    # If left to the garbage collector, the file might be finalised before the archive closes it.
    weakref.finalize(archive, archive.fp.close)  # type: ignore[union-attr]
    return zipfile.Path(archive)


def _check_members(members: Sequence[zipfile.ZipInfo], path: Path) -> None:
    """Check an archive's directory; no more than the stated size of a member is ever read."""
    if len(members) > MOST:
        raise UserError(
            f"an archive must hold at most {MOST} files, but {path} has {len(members)}."
        )
    names: set[str] = set()
    for member in members:
        if member.filename in names:  # only the last one would be read
            raise UserError(
                f"an archive must hold every file once, but {member.filename} of {path} is twice."
            )
        names.add(member.filename)
        if member.file_size > LARGEST:
            raise UserError(
                f"a file in an archive must have at most {LARGEST} bytes, but {member.filename} of "
                f"{path} has {member.file_size}."
            )
        if member.flag_bits & LOCKED:
            raise UserError(
                f"an archive must be readable without a password, but {member.filename} of {path} "
                "is not."
            )


def file_identity(file: File) -> list[Any]:
    """Return text and numbers that change with a file's content, without reading it."""
    if isinstance(file, Path):
        status = file.stat()
        return [file.name, status.st_size, status.st_mtime_ns]
    member = file.root.getinfo(file.at)
    return [member.filename, member.file_size, member.CRC]


class Around:
    """Base class of a source that wraps another one and reads its voxels differently."""

    def __init__(self, source: Source) -> None:
        self.source = source

    @property
    def shape(self) -> Triple:
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.source.dtype

    @property
    def voxel_nm(self) -> VoxelNm:
        return self.source.voxel_nm

    @property
    def white(self) -> float:
        return self.source.white

    def name(self, z: int) -> str:
        return self.source.name(z)

    def identity(self) -> list[Any]:
        return self.source.identity()

    def places(self, z: int) -> list[InFile]:
        return self.source.places(z)
