"""Open volumes lazily: a folder of TIFF slices, a multipage or BigTIFF file, OME-Zarr.

Opening reads headers only. A box is read from its own slices, and uncompressed slices row by row.
Nothing stays open in between, so that threads and processes may share a volume.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import tifffile
import zarr

from fibsem.data.writers import (
    DTYPES,
    UNKNOWN_NM,
    Format,
    VolumeWriter,
    VoxelNm,
    Voxels,
    create_volume,
)
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple

__all__ = [
    "ArrayVolume",
    "Format",
    "Volume",
    "VolumeWriter",
    "VoxelNm",
    "create_volume",
    "natural_key",
    "open_volume",
]

File = Path | zipfile.Path

NM = {
    "nm": 1.0, "nanometer": 1.0, "Å": 0.1, "angstrom": 0.1, "m": 1e9, "meter": 1e9,
    "um": 1e3, "µm": 1e3, "μm": 1e3, r"\u00B5m": 1e3, "micron": 1e3, "microns": 1e3,
    "micrometer": 1e3, "mm": 1e6, "millimeter": 1e6, "cm": 1e7, "centimeter": 1e7,
}  # fmt: skip
NM_PER_RESOLUTION_UNIT = {2: 2.54e7, 3: 1e7}
# Coarser pixels are print resolutions (72 dpi and the like), which many programs write unasked.
COARSEST_PIXEL_NM = 1e4


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


@dataclass(frozen=True)
class Volume:
    """A stack of grey values or labels that is read box by box.

    Attributes
    ----------
    path
        What the user named.
    source
        Where the voxels lie.
    declared
        The grey values that map to 0 and 1, if the user declared them.
    """

    path: Path
    source: Source
    declared: tuple[float, float] | None = None

    @property
    def shape(self) -> Triple:
        """(z, y, x)."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, uint16 or float32."""
        return self.source.dtype

    @property
    def voxel_nm(self) -> VoxelNm:
        """Voxel size (z, y, x) in nm as the files state it, None where they do not."""
        return self.source.voxel_nm

    @property
    def value_range(self) -> tuple[float, float]:
        """The grey values that map to 0 and 1: declared, else the dtype's; float32 has [0, 1]."""
        if self.declared is not None:
            return self.declared
        return (0.0, 1.0) if self.dtype.kind == "f" else (0.0, float(np.iinfo(self.dtype).max))

    def read(self, box: Box) -> Voxels:
        """Read a box in the volume's dtype, (z, y, x), as a new array.

        Raises
        ------
        ValueError
            If the box does not lie inside the volume.
        UserError
            If a slice cannot be read, or float32 values are not finite.
        """
        if not box.inside(self.shape):
            raise ValueError(f"{box} must lie inside {self.path} of shape {self.shape}")
        voxels = self.source.read(box)
        if self.dtype.kind == "f":
            self._check(voxels, box, np.isfinite, "be finite", "mend the slice")
        return voxels

    def read_unit(self, box: Box) -> npt.NDArray[np.float32]:
        """Read a box as float32 in [0, 1]; values beyond a declared range are clipped.

        Raises
        ------
        UserError
            As `read`, and if float32 values without a declared range lie outside [0, 1].
        """
        unit: npt.NDArray[np.float32] = self.read(box).astype(np.float32, copy=False)
        if self.declared is None and self.dtype.kind == "f":
            self._check(
                unit,
                box,
                lambda v: (v >= 0) & (v <= 1),
                "lie in [0, 1]",
                "declare range=[low,high]",
            )
            return unit
        low, high = self.value_range
        unit -= np.float32(low)
        unit /= np.float32(high - low)
        return np.clip(unit, 0, 1, out=unit)

    def signature(self) -> dict[str, object]:
        """Tell this volume from another or a changed one; JSON-able, and free of its place.

        ``digest`` is over the names, sizes and modification times of the files.
        """
        identity = self.source.identity()
        return {
            "files": len(identity),
            "digest": hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
            "dtype": str(self.dtype),
            "shape": list(self.shape),
            "value_range": list(self.value_range),
        }

    def _check(
        self, voxels: Voxels, box: Box, good: Callable[[Voxels], Any], rule: str, remedy: str
    ) -> None:
        """Refuse values that break a rule, naming the first slice that holds one."""
        for z, image in enumerate(voxels, box.start[0]):
            right = good(image)
            if not right.all():
                raise UserError(
                    f"grey values must {rule}, but {self.source.name(z)} holds "
                    f"{image[~right][0]}; {remedy}."
                )


class ArrayVolume(Volume):
    """A volume that is in memory, (z, y, x) uint8, uint16 or float32."""

    def __init__(self, array: Voxels, *, value_range: tuple[float, float] | None = None) -> None:
        super().__init__(Path("array"), ArraySource(array), _checked_range(value_range))


def open_volume(
    path: str | Path | zipfile.Path, *, value_range: tuple[float, float] | None = None
) -> Volume:
    """Open a volume without reading its voxels.

    Parameters
    ----------
    path
        A folder of TIFF slices (also inside a zip archive), a TIFF of one or many pages, or an
        OME-Zarr (0.4 or 0.5, full resolution).
    value_range
        The grey values that map to 0 and 1; by default those of the dtype, and [0, 1] of float32.

    Raises
    ------
    UserError
        If there is no volume at the path, or it is not one that can be read.

    Notes
    -----
    Slices of a folder are all compared with the first on opening; those in an archive when they
    are read, because their headers may lie behind compressed pixels.
    """
    file: File = path if isinstance(path, zipfile.Path) else Path(path)
    declared = _checked_range(value_range)
    return Volume(Path(str(file)), _open_source(file), declared)


def _open_source(file: File) -> Source:
    kinds = "a folder of TIFF slices, a TIFF or an OME-Zarr"
    if not file.exists():
        raise UserError(f"a volume must be {kinds}, but {file} is not there.")
    if not file.is_dir():
        return _open_multipage(file)
    if isinstance(file, Path) and any(
        (file / name).is_file() for name in ("zarr.json", ".zgroup", ".zattrs", ".zarray")
    ):
        return _open_zarr(file)
    return _open_series(file)


def _checked_range(value_range: Sequence[float] | None) -> tuple[float, float] | None:
    if value_range is None:
        return None
    if len(value_range) != 2 or not -np.inf < value_range[0] < value_range[1] < np.inf:
        raise UserError(
            f"`range` must be two finite numbers, low < high, but got {list(value_range)}."
        )
    return float(value_range[0]), float(value_range[1])


def _check_dtype(dtype: np.dtype[Any] | None, name: object) -> np.dtype[Any]:
    """Return the native form of a supported dtype."""
    native = None if dtype is None else dtype.newbyteorder("=")
    if native not in DTYPES:
        choices = ", ".join(map(str, DTYPES))
        raise UserError(f"voxels must be {choices}, but {name} holds {native or 'odd bits'}.")
    return native


# Names of slices


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key in which numbers count as numbers.

    >>> sorted(["s10.tif", "s2.tif"], key=natural_key)
    ['s2.tif', 's10.tif']
    """
    # The name itself decides between s1 and s01.
    pieces = re.split(r"(\d+)", name.casefold())
    return tuple(int(piece) if k % 2 else piece for k, piece in enumerate(pieces)), name


def _check_numbers(names: Sequence[str], folder: File) -> None:
    """Refuse gaps and repetitions in names, in natural order, that differ in one number only."""
    keys = [natural_key(name)[0] for name in names]
    if len({len(key) for key in keys}) != 1:
        return
    differing = [k for k, column in enumerate(zip(*keys, strict=True)) if len(set(column)) > 1]
    if len(differing) > 1 or (differing and differing[0] % 2 == 0):
        return
    for k in range(1, len(names)):
        step = int(keys[k][differing[0]]) - int(keys[k - 1][differing[0]]) if differing else 0
        if step == 0:
            raise UserError(
                f"a slice number must occur once, but {folder} holds {names[k - 1]} and {names[k]}."
            )
        if step > 1:
            missing = _next_name(names[k - 1], differing[0])
            raise UserError(
                f"slices must be numbered without gaps, but {missing} is missing between "
                f"{names[k - 1]} and {names[k]} in {folder}."
            )


def _next_name(name: str, column: int) -> str:
    pieces = re.split(r"(\d+)", name)
    pieces[column] = str(int(pieces[column]) + 1).zfill(len(pieces[column]))
    return "".join(pieces)


# TIFF


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
class TiffSource:
    """Pages of one file or of many."""

    pages: tuple[Page, ...]
    voxel_nm: VoxelNm

    @property
    def shape(self) -> Triple:
        return len(self.pages), *self.pages[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.pages[0].dtype.newbyteorder("=")

    def read(self, box: Box) -> Voxels:
        planes, rows, columns = box.slices
        voxels = np.empty(box.shape, self.dtype)
        for image, page in zip(voxels, self.pages[planes], strict=True):
            image[:] = page.read(rows, columns)
        return voxels

    def name(self, z: int) -> str:
        return f"slice {z} ({self.pages[z].file})"

    def identity(self) -> list[Any]:
        return [_file_identity(file) for file in dict.fromkeys(page.file for page in self.pages)]


def _open_series(folder: File) -> TiffSource:
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    slices = [e for e in entries if e.name.lower().endswith((".tif", ".tiff")) and e.is_file()]
    if not slices:
        holds = f"none among its {len(entries)} entries" if entries else "nothing"
        raise UserError(
            "a folder must hold TIFF slices (.tif, .tiff) or an OME-Zarr, "
            f"but {folder} holds {holds}."
        )
    slices.sort(key=lambda entry: natural_key(entry.name))
    _check_numbers([entry.name for entry in slices], folder)
    first, voxel_nm = _only_page(slices[0])
    if isinstance(folder, Path):
        pages = [first, *(_only_page(file)[0] for file in slices[1:])]
    else:
        pages = [replace(first, file=file, pixels=None) for file in slices]
    for page in pages:
        _check_like(page, first)
    return TiffSource(tuple(pages), voxel_nm)


def _only_page(file: File) -> tuple[Page, VoxelNm]:
    """Find the page of a file that is one slice of a series, and the voxel size."""
    with _open_tiff(file) as tiff:
        images = _images(tiff, file)
        if len(images) > 1:
            raise UserError(
                f"a file of a series must hold one slice, but {file} holds {len(images)} pages."
            )
        return _page(images[0], tiff, file), _voxel_nm(tiff)


def _open_multipage(file: File) -> TiffSource:
    with _open_tiff(file) as tiff:
        images = _images(tiff, file)
        pages = [_page(image, tiff, file) for image in images]
        for z, page in enumerate(pages):
            _check_like(page, pages[0], f"page {z} of {file}")
        extents = [n for n in tiff.series[0].shape[:-2] if n > 1]
        if len(extents) > 1:
            raise UserError(
                f"a volume must have three axes (z, y, x), but {file} has {tiff.series[0].axes} "
                f"of {tiff.series[0].shape}."
            )
        # ImageJ writes stacks of over 4 GB as one page, with the other slices plainly behind it.
        if len(pages) == 1 and extents:
            pages = _behind(pages[0], images[0].nbytes, extents[0])
            _check_whole(pages[0].pixels or 0, extents[0] * images[0].nbytes, tiff, file)
        return TiffSource(tuple(pages), _voxel_nm(tiff))


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
    _check_dtype(page.dtype, file)
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


def _check_whole(offset: int, count: int, tiff: tifffile.TiffFile, file: File) -> None:
    if offset + count > tiff.filehandle.size:
        raise UserError(
            f"a TIFF must be whole, but {file} is truncated: "
            f"{tiff.filehandle.size} of {offset + count} bytes."
        )


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


def _file_identity(file: File) -> list[Any]:
    if isinstance(file, Path):
        status = file.stat()
        return [file.name, status.st_size, status.st_mtime_ns]
    member = file.root.getinfo(file.at)
    return [member.filename, member.file_size, member.CRC]


# OME-Zarr and memory


@dataclass(frozen=True)
class ZarrSource:
    """The full resolution of an OME-Zarr; axes before z have one entry."""

    folder: Path
    array: zarr.Array[Any]
    voxel_nm: VoxelNm

    @property
    def shape(self) -> Triple:
        z, y, x = self.array.shape[-3:]
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype.newbyteorder("=")

    def read(self, box: Box) -> Voxels:
        index: tuple[int | slice, ...] = (*(0,) * (self.array.ndim - 3), *box.slices)
        try:
            return np.asarray(self.array[index], self.dtype)
        except Exception as error:  # each codec has errors of its own
            reason = " ".join(str(error).split())[:150]
            raise UserError(
                f"chunks must be whole, but {self.name(box.start[0])} to "
                f"{box.stop[0] - 1} cannot be decoded ({reason})."
            ) from error

    def name(self, z: int) -> str:
        return f"{self.folder}, slice {z}"

    def identity(self) -> list[Any]:
        files = sorted(
            Path(folder, name) for folder, _, names in os.walk(self.folder) for name in names
        )
        return [
            [file.relative_to(self.folder).as_posix(), *_file_identity(file)[1:]] for file in files
        ]


def _open_zarr(folder: Path) -> ZarrSource:
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
    _check_dtype(node.dtype, folder)
    return ZarrSource(folder, node, voxel_nm)


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


@dataclass(frozen=True, eq=False)
class ArraySource:
    """An array in memory."""

    array: Voxels
    voxel_nm: VoxelNm = UNKNOWN_NM

    def __post_init__(self) -> None:
        if self.array.ndim != 3:
            raise UserError(f"a volume must have axes (z, y, x), but has {self.array.shape}.")
        _check_dtype(self.array.dtype, "the array")

    @property
    def shape(self) -> Triple:
        z, y, x = self.array.shape
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype.newbyteorder("=")

    def read(self, box: Box) -> Voxels:
        return self.array[box.slices].astype(self.dtype)

    def name(self, z: int) -> str:
        return f"slice {z} of the array"

    def identity(self) -> list[Any]:
        return [hashlib.sha256(np.ascontiguousarray(self.array).tobytes()).hexdigest()]
