"""What every kind of volume file has in common: its interface, its dtypes, its units."""

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

#: A file, and where in it.
InFile = tuple[File, str]
#: Kinds of dtypes that labels may have: truth values, whole numbers, and floats that are whole.
LABEL_KINDS = "buif"


@dataclass(frozen=True)
class Manner:
    """How a volume is opened.

    Attributes
    ----------
    gaps
        Whether slices may be missing or damaged.
    sparse
        Whether chunks that a Zarr does not store hold its fill value; else they are damage.
    pattern, series
        Which of several series of a folder, and which of several in a file.
    labels
        Whether it holds labels: of any whole numbers, and of a palette its numbers.
    voxel_nm
        Voxel size (z, y, x) in nm that somebody states who opens it, None where nobody does.
    valid
        What of it is material, as its dataset says: ``auto``, ``all`` or the path of a mask.
    unlabelled
        Of labels, the value of what nobody labelled: chunks that are not stored may hold it.

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
        """What tells one volume from others at the same place."""
        keys = {"pattern": self.pattern, "series": self.series, "sparse": self.sparse or None}
        return {key: value for key, value in keys.items() if value is not None}


#: Files in an archive, and bytes of one of them: slices, and arrays of labelled squares.
MOST, LARGEST = 1_000_000, 2**32
#: Flag of a member that needs a password.
LOCKED = 0x1


class Source(Protocol):
    """Where the voxels of a volume lie."""

    @property
    def shape(self) -> Triple: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def voxel_nm(self) -> VoxelNm: ...
    @property
    def white(self) -> float:
        """The brightest grey value that it can hold; 1 of floats."""

    def read(self, box: Box) -> Voxels:
        """Voxels of a box inside the volume, as a new array."""

    def name(self, z: int) -> str:
        """Slice z as messages call it, with its file."""

    def identity(self) -> list[Any]:
        """List what changes when the content changes."""

    def places(self, z: int) -> list[InFile]:
        """Where slice z lies; nowhere if it is in memory."""


def check_dtype(dtype: np.dtype[Any] | None, name: object, *, labels: bool = False) -> None:
    """Refuse a dtype that volumes, or labels, cannot have."""
    native = None if dtype is None else dtype.newbyteorder("=")
    if native is None or (native.kind not in LABEL_KINDS if labels else native not in DTYPES):
        choices = "whole numbers or truth values" if labels else ", ".join(map(str, DTYPES))
        what = "labels" if labels else "voxels"
        which = (
            ""
            if labels
            else f", to float32 (with `{RANGE}`) where values are negative or fractions"
        )
        raise SliceError(
            f"{what} must be {choices}, but {name} holds {native or 'odd bits'}; convert it{which}."
        )


def white_of(dtype: np.dtype[Any], bits: int | None = None) -> float:
    """The brightest value of a dtype, of which so many bits are used; 1 of floats."""
    if dtype.kind == "f":
        return 1.0
    return float(2**bits - 1) if bits else float(np.iinfo(dtype).max)


def check_grey(
    image: Voxels,
    right: npt.NDArray[np.bool_],
    rule: str,
    remedy: str,
    name: str,
    what: str = "grey values",
) -> None:
    """Refuse an image of which not every value is right."""
    if not right.all():
        raise SliceError(f"{what} must {rule}, but {name} holds {image[~right][0]}; {remedy}.")


#: What helps where float values are no numbers. Zeros among labels would count as a class.
WRITE_ZEROS = (
    "0 wherever they are, leaves them out; or write 0 where the film shows nothing: a rim of one "
    "value is left out"
)
WRITE_NUMBERS = (
    "write a number of its own where nobody labelled, which `ignore` names in a manifest, or 0 in "
    "a mask of `valid`"
)


def check_finite(image: Voxels, name: str, *, labels: bool = False) -> None:
    """Refuse float values that are no numbers."""
    if image.dtype.kind == "f":
        remedy = WRITE_NUMBERS if labels else f"{VALID.at('MASK')}, {WRITE_ZEROS}"
        what = "label values" if labels else "grey values"
        check_grey(image, np.isfinite(image), "be finite", remedy, name, what)


def open_zip(path: Path) -> zipfile.Path:
    """Open a zip archive, which closes when nobody refers to it any more.

    Raises
    ------
    UserError
        If it is damaged or locked by a password, or unpacks to more than it should.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError) as error:
        raise UserError(f"an archive must be a whole zip, but {path} is not: {error}.") from error
    _check_members(archive.infolist(), path)
    # Left to the collector of cycles, the file might be finalised before the archive closes it.
    weakref.finalize(archive, archive.fp.close)  # type: ignore[union-attr]
    return zipfile.Path(archive)


def _check_members(members: Sequence[zipfile.ZipInfo], path: Path) -> None:
    """What a member says of its size holds: no more than that is ever read of it."""
    if len(members) > MOST:
        raise UserError(
            f"an archive must hold at most {MOST} files, but {path} has {len(members)}."
        )
    names: set[str] = set()
    for member in members:
        if member.filename in names:  # of which only the last one would be read
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
    """What changes with a file's content, in text and numbers, without reading it."""
    if isinstance(file, Path):
        status = file.stat()
        return [file.name, status.st_size, status.st_mtime_ns]
    member = file.root.getinfo(file.at)
    return [member.filename, member.file_size, member.CRC]


class Around:
    """A source around another one: all but its voxels is the other's."""

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
