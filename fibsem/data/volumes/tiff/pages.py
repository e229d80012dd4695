"""One slice in a TIFF file: its header is read on opening, its pixels on demand."""

from __future__ import annotations

import io
import logging
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, TypeVar

import numpy as np
import tifffile

from fibsem.data.volumes.faults import File, SliceError, open_bytes, reading
from fibsem.data.volumes.lengths import check_same_nm, usual_nm
from fibsem.data.volumes.source import check_dtype
from fibsem.data.volumes.tiff.imagej import check_uncalibrated, counts_of
from fibsem.data.volumes.tiff.photometry import Tone, tone_of
from fibsem.data.volumes.tiff.tags import bar_rows
from fibsem.data.volumes.voxels import VoxelNm, Voxels
from fibsem.errors import UserError

T = TypeVar("T")

# Its warnings about odd headers are not ours to show, and reading goes on.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

RULE = "a slice must be a whole, readable TIFF"
UPRIGHT = 1
#: Compressions by JPEG and JPEG 2000, and the marker at the end of what both write.
JPEGS, END = (7, 33007, 34892, 33003, 33004, 33005, 34712), b"\xff\xd9"


@dataclass(frozen=True)
class Page:
    """One slice in a TIFF file.

    Attributes
    ----------
    file, shape, dtype
        Shape (y, x); dtype with the byte order of the file.
    bits
        Bits of each stored value.
    tone
        Meaning of the stored values.
    labels
        Whether they are labels, not grey values.
    directory
        Byte offset of the page's directory, None for the first page.
    pixels
        Byte offset of the pixels if they are stored uncompressed row after row, else None.
    bar
        Rows of the data bar at the bottom, if the file states them; else 0.
    """

    file: File
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    bits: int
    tone: Tone
    labels: bool = False
    directory: int | None = None
    pixels: int | None = None
    bar: int = 0

    def read(self, rows: slice, columns: slice) -> Voxels:
        """Read grey values or labels of some rows and columns."""
        if self.pixels is None:
            return reading(self.file, self._decode, RULE)[rows, columns]
        return self._meant(reading(self.file, lambda: self._plain(rows), RULE)[:, columns])

    def _meant(self, stored: Voxels) -> Voxels:
        return self.tone.label(stored) if self.labels else self.tone.grey(stored)

    def _plain(self, rows: slice) -> Voxels:
        """Read whole rows as stored."""
        row_bytes = self.shape[1] * self.dtype.itemsize
        size = (rows.stop - rows.start) * row_bytes
        with open_bytes(self.file) as stream:
            stream.seek((self.pixels or 0) + rows.start * row_bytes)
            data = stream.read(size)
        if len(data) != size:
            raise SliceError(f"a TIFF must be whole, but {self.file} was cut since it was opened.")
        return np.frombuffer(data, self.dtype).reshape(-1, self.shape[1])

    def _decode(self) -> Voxels:
        with open_tiff(self.file) as tiff:
            image = tiff.pages.first
            if self.directory is not None:
                tiff.filehandle.seek(self.directory)
                image = tifffile.TiffPage(tiff, index=1)
            else:  # in an archive, where only the first slice was checked on opening
                _check_single(tiff, self.file)
            page = page_of(image, tiff, self.file, labels=self.labels)
            check_like(page, self)
            _check_ends(image, tiff, self.file)
            return page._meant(image.asarray())


def directories(tiff: tifffile.TiffFile, file: File) -> Iterator[Any]:
    """Yield the directories of a file; raise SliceError if their chain is a loop.

    tifffile would follow it forever.
    """
    offsets: set[int] = set()
    for page in tiff.pages:
        if page.offset in offsets:
            raise SliceError(
                f"the directories of a TIFF must have an end, but in {file} the one behind number "
                f"{len(offsets)} is an earlier one again: the file is damaged."
            )
        offsets.add(page.offset)
        yield page


def _check_ends(image: Any, tiff: tifffile.TiffFile, file: File) -> None:
    """Raise SliceError for pixels whose JPEG has no end, as decoders invent the rest of them."""
    if image.compression not in JPEGS:
        return
    for offset, count in zip(image.dataoffsets, image.databytecounts, strict=True):
        tiff.filehandle.seek(offset)
        if END not in tiff.filehandle.read(count):
            raise SliceError(
                f"a TIFF must be whole, but {file} has pixels whose JPEG is cut short: copy it "
                "again from where it was made."
            )


def _check_single(tiff: tifffile.TiffFile, file: File) -> None:
    images = [page for page in directories(tiff, file) if not page.is_reduced]
    count = max(len(images), *counts_of(tiff.imagej_metadata or {}, file).values(), 1)
    if count > 1:
        raise SliceError(f"a file of a series must hold one slice, but {file} holds {count} pages.")


@dataclass(frozen=True)
class Absent:
    """A slice that is missing, has an unreadable header, or is unlike the others."""

    file: File
    reason: str

    def read(self, rows: slice, columns: slice) -> Voxels:
        """Raise SliceError with the reason."""
        raise SliceError(self.reason)


def look(file: File, read: Callable[[tifffile.TiffFile, File], T]) -> T:
    """Open a TIFF and return what ``read`` returns for it."""

    def once() -> T:
        with open_tiff(file) as tiff:
            return read(tiff, file)

    return reading(file, once, RULE)


@contextmanager
def open_tiff(file: File) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF, without converting errors."""
    # Each seek in a compressed archive would start from the beginning again.
    with (
        io.BytesIO(file.read_bytes())
        if isinstance(file, zipfile.Path)
        else open_bytes(file) as stream,
        tifffile.TiffFile(stream) as tiff,
    ):
        yield tiff


def page_of(image: Any, tiff: tifffile.TiffFile, file: File, *, labels: bool) -> Page:
    """Check the header of a page and return its location and meaning.

    Raises
    ------
    SliceError
        If it is truncated, in colour, rotated, calibrated to other values, or of a dtype that
        volumes or labels cannot have.
    """
    if image.samplesperpixel != 1:
        raise SliceError(
            f"a slice must be grey, with one sample a pixel, but {file} has "
            f"{image.samplesperpixel} (RGB or the like); convert it to grey values."
        )
    check_dtype(image.dtype, file, labels=labels)
    check_uncalibrated(tiff.imagej_metadata or {}, file, labels=labels)
    if len(image.shape) != 2 or 0 in image.shape:
        raise SliceError(
            f"a slice must have two axes (y, x), but {file} has {image.shape}; save it as a stack "
            "of its own, a page a slice, without tiles of some depth."
        )
    if (turned := image.tags.valueof("Orientation", UPRIGHT)) != UPRIGHT:
        raise SliceError(
            f"a slice must begin at its top left, but {file} has orientation {turned}; programs "
            "disagree on those, so turn it and save it again."
        )
    # tifffile reads strips that were never written as zeros, which would look like pores.
    listed = len(image.databytecounts)
    if (
        not listed
        or 0 in image.databytecounts
        or (not image.is_final and listed < prod(image.chunked))
    ):
        raise SliceError(f"a TIFF must be whole, but {file} has strips without pixels.")
    for offset, count in zip(image.dataoffsets, image.databytecounts, strict=True):
        check_whole(offset, count, tiff, file)
    if image.is_final:
        check_whole(image.dataoffsets[0], image.nbytes, tiff, file)
    return Page(
        file,
        image.shape,
        image.dtype.newbyteorder(tiff.byteorder),
        image.bitspersample,
        tone_of(image, tiff.pages.first, file, labels=labels),
        labels,
        image.offset,
        image.dataoffsets[0] if image.is_final else None,
        bar_rows(tiff, image.shape),
    )


def check_whole(offset: int, count: int, tiff: tifffile.TiffFile, file: File) -> None:
    """Raise SliceError if a file ends before its pixels do."""
    if offset + count > tiff.filehandle.size:
        raise SliceError(
            f"a TIFF must be whole, but {file} is truncated: "
            f"{tiff.filehandle.size} of {offset + count} bytes."
        )


def alike(
    pages: Sequence[Page | Absent], names: Sequence[str], *, gaps: bool
) -> tuple[Page, tuple[Page | Absent, ...]]:
    """Return the reference page, and all pages; with gaps, those unlike it are `Absent`."""
    readable = [page for page in pages if isinstance(page, Page)]
    if not readable:
        reason = getattr(pages[0], "reason", "it is empty.") if pages else "it is empty."
        raise UserError(f"a volume must have a slice that can be read, but: {reason}")
    kinds = [(page.shape, page.dtype.newbyteorder("="), page.bits) for page in readable]
    most = Counter(kinds).most_common(1)[0][0]
    first = readable[kinds.index(most) if gaps else 0]
    checked: list[Page | Absent] = []
    for page, name in zip(pages, names, strict=True):
        try:
            if isinstance(page, Page):
                check_like(page, first, name)
        except SliceError as error:
            if not gaps:
                raise
            page = Absent(page.file, str(error))
        checked.append(page)
    return first, tuple(checked)


def check_like(page: Page, first: Page, name: object = None) -> None:
    """Raise SliceError for a slice with another shape, dtype or meaning of booleans than the first.

    The byte order may differ.
    """
    for field, got, wanted in (
        ("shape", page.shape, first.shape),
        ("dtype", page.dtype.newbyteorder("="), first.dtype.newbyteorder("=")),
        ("bits", page.bits, first.bits),
    ):
        if got != wanted:
            raise SliceError(
                f"all slices must have the {field} of {first.file}, {wanted}, "
                f"but {name or page.file} has {got}."
            )
    if page.tone.contradicts(first.tone):
        raise SliceError(
            f"all slices must tell alike what 0 means, but {first.file} and {name or page.file} "
            "both call it white, and notes tell of one alone that truth values are meant, not "
            "colours; save both in one way, such as 0 and 255 in 8 bits."
        )


def of_one_size(
    pages: Sequence[Page | Absent], sizes: Sequence[VoxelNm], names: Sequence[object], *, gaps: bool
) -> tuple[list[Page | Absent], VoxelNm]:
    """Return the slices with the voxel size that most of them state, and this size.

    With ``gaps``, slices of another magnification are `Absent`; else they raise SliceError.
    """
    usual = usual_nm(sizes)
    checked: list[Page | Absent] = []
    for page, size, name in zip(pages, sizes, names, strict=True):
        try:
            check_same_nm(size, usual, name)
            checked.append(page)
        except SliceError as error:
            if not gaps:
                raise
            checked.append(Absent(page.file, str(error)))
    return checked, usual
