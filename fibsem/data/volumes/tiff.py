"""TIFF slices: a folder of them, also in a zip archive, or the pages of one file.

Only headers are read on opening; uncompressed slices are read row by row, compressed ones decoded.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from fibsem.data.volumes.source import NM, File, Place, check_dtype, file_identity
from fibsem.data.volumes.writers import UNKNOWN_NM, VoxelNm, Voxels
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple

NM_PER_RESOLUTION_UNIT = {2: 2.54e7, 3: 1e7}
# Coarser pixels are print resolutions (72 dpi and the like), which many programs write unasked.
COARSEST_PIXEL_NM = 1e4


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key in which numbers count as numbers.

    >>> sorted(["s10.tif", "s2.tif"], key=natural_key)
    ['s2.tif', 's10.tif']
    """
    # The name itself decides between s1 and s01.
    pieces = re.split(r"(\d+)", name.casefold())
    return tuple(int(piece) if k % 2 else piece for k, piece in enumerate(pieces)), name


def _complete(names: Sequence[str], folder: File) -> list[str]:
    """Names in natural order with those that are missing from their numbering put in.

    Only names that differ in one number alone are numbered; a number may occur once.
    """
    keys = [natural_key(name)[0] for name in names]
    if len({len(key) for key in keys}) != 1:
        return list(names)
    differing = [k for k, column in enumerate(zip(*keys, strict=True)) if len(set(column)) > 1]
    if len(differing) > 1 or (differing and differing[0] % 2 == 0):
        return list(names)
    column = differing[0] if differing else 0
    complete = [names[0]]
    for before, name in pairwise(names):
        first, last = (
            int(re.split(r"(\d+)", n)[column]) if differing else 0 for n in (before, name)
        )
        if first == last:
            raise UserError(
                f"a slice number must occur once, but {folder} holds {before} and {name}."
            )
        if last - first > len(names):
            raise UserError(
                f"slices must be numbered without gaps, but {last - first - 1} are missing between "
                f"{before} and {name} in {folder}."
            )
        complete += [_numbered(before, column, number) for number in range(first + 1, last)]
        complete.append(name)
    return complete


def _numbered(name: str, column: int, number: int) -> str:
    """A name with another number in it."""
    pieces = re.split(r"(\d+)", name)
    pieces[column] = str(number).zfill(len(pieces[column]))
    return "".join(pieces)


@dataclass(frozen=True)
class Page:
    """One slice in a TIFF file.

    Attributes
    ----------
    file, shape, dtype
        Shape (y, x); dtype with the byte order of the file.
    directory
        Byte offset of the page's directory, None for the first page.
    pixels
        Byte offset of the pixels if they lie plainly row after row, else None: to be decoded.
    """

    file: File
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    directory: int | None = None
    pixels: int | None = None

    def read(self, rows: slice, columns: slice) -> Voxels:
        if self.pixels is None:
            return self._decode()[rows, columns]
        row_bytes = self.shape[1] * self.dtype.itemsize
        size = (rows.stop - rows.start) * row_bytes
        with _blaming(self.file), self.file.open("rb") as stream:
            stream.seek(self.pixels + rows.start * row_bytes)
            data = stream.read(size)
        if len(data) != size:
            raise UserError(f"a TIFF must be whole, but {self.file} was cut since it was opened.")
        return np.frombuffer(data, self.dtype).reshape(-1, self.shape[1])[:, columns]

    def _decode(self) -> Voxels:
        with _open_tiff(self.file) as tiff:
            page = tiff.pages.first
            if self.directory is not None:
                tiff.filehandle.seek(self.directory)
                page = tifffile.TiffPage(tiff, index=1)
            _check_like(_page(page, tiff, self.file), self)
            decoded: Voxels = page.asarray()
            return decoded


@dataclass(frozen=True)
class Absent:
    """A slice that is not there, whose header cannot be read, or that is unlike the others."""

    file: File
    reason: str

    def read(self, rows: slice, columns: slice) -> Voxels:
        raise UserError(self.reason)


@dataclass(frozen=True)
class TiffSource:
    """Pages of one file or of many; ``first`` is one that is there."""

    first: Page
    pages: tuple[Page | Absent, ...]
    voxel_nm: VoxelNm

    @property
    def shape(self) -> Triple:
        return len(self.pages), *self.first.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.first.dtype.newbyteorder("=")

    def read(self, box: Box) -> Voxels:
        planes, rows, columns = box.slices
        voxels = np.empty(box.shape, self.dtype)
        for image, page in zip(voxels, self.pages[planes], strict=True):
            image[:] = page.read(rows, columns)
        return voxels

    def name(self, z: int) -> str:
        return f"slice {z} ({self.pages[z].file})"

    def identity(self) -> list[Any]:
        files = dict.fromkeys(page.file for page in self.pages)
        return [file_identity(file) if file.exists() else [file.name, "missing"] for file in files]

    def places(self, z: int) -> list[Place]:
        page = self.pages[z]
        inside = f"{page.directory} {page.pixels}" if isinstance(page, Page) else ""
        return [(page.file, inside)]


def open_series(folder: File, *, gaps: bool = False) -> TiffSource:
    """Open a folder of slices.

    Parameters
    ----------
    folder
        With TIFF files of one page each.
    gaps
        Whether slices may be missing from the numbering, unreadable or of another kind than most;
        they are then `Absent`.
    """
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    slices = [e for e in entries if e.name.lower().endswith((".tif", ".tiff")) and e.is_file()]
    if not slices:
        holds = f"none among its {len(entries)} entries" if entries else "nothing"
        raise UserError(
            "a folder must hold TIFF slices (.tif, .tiff) or an OME-Zarr, "
            f"but {folder} holds {holds}."
        )
    slices.sort(key=lambda entry: natural_key(entry.name))
    present = {entry.name: entry for entry in slices}
    names = _complete(list(present), folder)
    if not gaps and (absent := [k for k, name in enumerate(names) if name not in present]):
        k = absent[0]
        after = next(name for name in names[k:] if name in present)
        raise UserError(
            f"slices must be numbered without gaps, but {names[k]} is missing between "
            f"{names[k - 1]} and {after} in {folder}."
        )
    places = [present.get(name, folder / name) for name in names]
    pages, voxel_nm = _headers(places, folder, gaps=gaps)
    names = [str(page.file) for page in pages]
    return TiffSource(*_alike(pages, names, gaps=gaps), voxel_nm)


def _headers(
    places: Sequence[File], folder: File, *, gaps: bool
) -> tuple[list[Page | Absent], VoxelNm]:
    """Look at the header of every slice; those in an archive are taken to be like the first."""
    pages: list[Page | Absent] = []
    first: tuple[Page, VoxelNm] | None = None
    for file in places:
        if first is not None and not isinstance(folder, Path):
            pages.append(replace(first[0], file=file, pixels=None))
            continue
        if not file.exists():
            pages.append(Absent(file, f"slice {file} is missing."))
            continue
        try:
            page, voxel_nm = _only_page(file)
        except UserError as error:
            if not gaps:
                raise
            pages.append(Absent(file, str(error)))
            continue
        first = first or (page, voxel_nm)
        pages.append(page)
    if first is None:
        raise UserError(f"a volume must have a slice that can be read, but {folder} has none.")
    return pages, first[1]


def _only_page(file: File) -> tuple[Page, VoxelNm]:
    """Find the page of a file that is one slice of a series, and the voxel size."""
    with _open_tiff(file) as tiff:
        images = _images(tiff, file)
        if len(images) > 1:
            raise UserError(
                f"a file of a series must hold one slice, but {file} holds {len(images)} pages."
            )
        return _page(images[0], tiff, file), _voxel_nm(tiff)


def open_multipage(file: File, *, gaps: bool = False) -> TiffSource:
    """Open the pages of one file; with gaps those that cannot be read or are odd are `Absent`."""
    with _open_tiff(file) as tiff:
        images = _images(tiff, file)
        pages = [_page_or_gap(image, tiff, file, gaps=gaps) for image in images]
        names = [f"page {z} of {file}" for z in range(len(pages))]
        first, alike = _alike(pages, names, gaps=gaps)
        extents = [n for n in tiff.series[0].shape[:-2] if n > 1]
        if len(extents) > 1:
            raise UserError(
                f"a volume must have three axes (z, y, x), but {file} has {tiff.series[0].axes} "
                f"of {tiff.series[0].shape}."
            )
        # ImageJ writes stacks of over 4 GB as one page, with the other slices plainly behind it.
        if len(pages) == 1 and extents:
            alike = tuple(_behind(first, images[0].nbytes, extents[0]))
            _check_whole(first.pixels or 0, extents[0] * images[0].nbytes, tiff, file)
        return TiffSource(first, alike, _voxel_nm(tiff))


def _behind(page: Page, size: int, depth: int) -> list[Page]:
    """List the slices that lie plainly one behind the other from a page on."""
    if page.pixels is None:
        raise UserError(f"a TIFF must be whole, but {page.file} has 1 page of {depth}.")
    return [replace(page, pixels=page.pixels + z * size) for z in range(depth)]


@contextmanager
def _open_tiff(file: File) -> Iterator[tifffile.TiffFile]:
    # Seeking in a compressed archive starts from the beginning again and again.
    with (
        _blaming(file),
        io.BytesIO(file.read_bytes())
        if isinstance(file, zipfile.Path)
        else file.open("rb") as stream,
        tifffile.TiffFile(stream) as tiff,
    ):
        yield tiff


@contextmanager
def _blaming(file: File) -> Iterator[None]:
    """Blame a TIFF for what fails inside it: damaged files raise errors of every kind."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:150]
        raise UserError(
            f"a slice must be a whole, readable TIFF, but {file} cannot be read as one ({reason})."
        ) from error


def _images(tiff: tifffile.TiffFile, file: File) -> list[Any]:
    """List the pages of a file, without thumbnails."""
    images = [page for page in tiff.pages if not page.is_reduced]
    # The chain of directories ends with offset 0; a chain that leads nowhere was cut off.
    tiff.filehandle.seek(tiff.pages.next_page_offset)
    size = tiff.tiff.offsetsize
    if not images or tiff.filehandle.read(size) != bytes(size):
        raise UserError(f"a TIFF must be whole, but {file} is truncated: pages are missing.")
    return images


def _page(page: Any, tiff: tifffile.TiffFile, file: File) -> Page:
    """Where a page lies, after a look at its header."""
    if page.samplesperpixel != 1:
        raise UserError(
            f"a slice must be grey, with one sample a pixel, but {file} has "
            f"{page.samplesperpixel} (RGB or the like); convert it to grey values."
        )
    check_dtype(page.dtype, file)
    if len(page.shape) != 2 or 0 in page.shape:
        raise UserError(f"a slice must have two axes (y, x), but {file} has {page.shape}.")
    # tifffile reads strips that were never written as zeros, which would pass for pores.
    if not page.databytecounts or 0 in page.databytecounts:
        raise UserError(f"a TIFF must be whole, but {file} has strips without pixels.")
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        _check_whole(offset, count, tiff, file)
    plain = page.is_contiguous
    if plain:
        _check_whole(page.dataoffsets[0], page.nbytes, tiff, file)
    return Page(
        file,
        page.shape,
        page.dtype.newbyteorder(tiff.byteorder),
        page.offset,
        page.dataoffsets[0] if plain else None,
    )


def _page_or_gap(image: Any, tiff: tifffile.TiffFile, file: File, *, gaps: bool) -> Page | Absent:
    try:
        return _page(image, tiff, file)
    except UserError as error:
        if not gaps:
            raise
        return Absent(file, str(error))


def _check_whole(offset: int, count: int, tiff: tifffile.TiffFile, file: File) -> None:
    if offset + count > tiff.filehandle.size:
        raise UserError(
            f"a TIFF must be whole, but {file} is truncated: "
            f"{tiff.filehandle.size} of {offset + count} bytes."
        )


def _alike(
    pages: Sequence[Page | Absent], names: Sequence[str], *, gaps: bool
) -> tuple[Page, tuple[Page | Absent, ...]]:
    """The page that the others are like, and all of them; with gaps the odd ones as `Absent`."""
    there = [page for page in pages if isinstance(page, Page)]
    if not there:
        raise UserError(
            f"a volume must have a slice that can be read, but {pages[0].file} has none."
        )
    kinds = [(page.shape, page.dtype.newbyteorder("=")) for page in there]
    most = Counter(kinds).most_common(1)[0][0]
    first = there[kinds.index(most) if gaps else 0]
    alike: list[Page | Absent] = []
    for page, name in zip(pages, names, strict=True):
        try:
            if isinstance(page, Page):
                _check_like(page, first, name)
        except UserError as error:
            if not gaps:
                raise
            page = Absent(page.file, str(error))
        alike.append(page)
    return first, tuple(alike)


def _check_like(page: Page, first: Page, name: object = None) -> None:
    """Refuse a slice of another shape or dtype; the byte order may differ."""
    for what, got, wanted in (
        ("shape", page.shape, first.shape),
        ("dtype", page.dtype.newbyteorder("="), first.dtype.newbyteorder("=")),
    ):
        if got != wanted:
            raise UserError(
                f"all slices must have the {what} of {first.file}, {wanted}, "
                f"but {name or page.file} has {got}."
            )


def _voxel_nm(tiff: tifffile.TiffFile) -> VoxelNm:
    """Voxel size from OME-XML, else from ImageJ's notes, else from the resolution tags."""
    if tiff.ome_metadata:
        return _ome_xml_nm(tiff.ome_metadata)
    tags, notes = tiff.pages.first.tags, tiff.imagej_metadata or {}
    unit_nm = NM.get(str(notes.get("unit")))
    pixel_nm = unit_nm or NM_PER_RESOLUTION_UNIT.get(tags.valueof("ResolutionUnit", 1))
    if pixel_nm is None:
        return UNKNOWN_NM
    y, x = (_extent_nm(tags.valueof(tag), pixel_nm) for tag in ("YResolution", "XResolution"))
    spacing = notes.get("spacing")
    return (spacing * unit_nm if spacing and unit_nm else None), y, x


def _extent_nm(resolution: tuple[int, int] | None, unit_nm: float) -> float | None:
    """Size of a pixel from pixels per unit, a fraction."""
    if resolution is None or 0 in resolution:
        return None
    extent = unit_nm * resolution[1] / resolution[0]
    return extent if extent < COARSEST_PIXEL_NM else None


def _ome_xml_nm(xml: str) -> VoxelNm:
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    sizes = []
    for axis in "ZYX":
        size = None if pixels is None else pixels.get(f"PhysicalSize{axis}")
        unit = "µm" if pixels is None else pixels.get(f"PhysicalSize{axis}Unit", "µm")
        sizes.append(float(size) * NM[unit] if size and unit in NM else None)
    return sizes[0], sizes[1], sizes[2]
