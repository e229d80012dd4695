"""Open a volume of any supported format by reading its headers."""

from __future__ import annotations

import zipfile
from pathlib import Path

from fibsem.data.volumes.faults import File, absence, kind_of, read_bytes
from fibsem.data.volumes.layered import DeepSource
from fibsem.data.volumes.mended import MendedSource
from fibsem.data.volumes.source import Manner, Source
from fibsem.data.volumes.tiff.folder import open_series
from fibsem.data.volumes.tiff.tiff import open_file
from fibsem.data.volumes.volume import Volume, checked_range
from fibsem.data.volumes.zarrs.omezarr import is_zarr, open_zarr
from fibsem.errors import UserError
from fibsem.system.advice import PATTERN
from fibsem.system.home import home_path

CHOICES = "a folder of TIFF slices, a TIFF or an OME-Zarr"


def open_volume(
    path: str | Path | zipfile.Path,
    *,
    value_range: tuple[float, float] | None = None,
    gaps: bool = False,
    sparse: bool = False,
    pattern: str | None = None,
    series: int | str | None = None,
) -> Volume:
    """Open a volume without reading its voxels.

    Parameters
    ----------
    path
        A folder of TIFF slices (also inside a zip archive), a TIFF with one or many pages, or an
        OME-Zarr (0.1 to 0.5, full resolution).
    value_range
        The grey values that map to 0 and 1; by default the range of the stored integers, and
        [0, 1] for float32.
    gaps
        Whether slices may be missing or damaged; the nearest readable one is read in their place,
        and :attr:`Volume.why_missing` lists them with the reasons.
    sparse
        Whether chunks that an OME-Zarr does not store hold its fill value, as some programs omit
        black ones; by default they are an error.
    pattern
        Selects the slices among the files of a folder, such as ``img_#_ch0.tif``: ``#`` is the
        running number, ``*`` and ``?`` match anything, and ``@`` marks what slices are sorted by
        if their numbers are not evenly spaced.
    series
        Selects one of several stacks in a file or OME-Zarr, by number or name.

    Raises
    ------
    UserError
        If there is no volume at the path, there are several, or it cannot be read.

    Notes
    -----
    The headers of all slices in a folder are compared on opening; those in a zip archive on
    reading, because their headers may lie behind compressed pixels.

    Examples
    --------
    ```python
    film = api.open_volume("film/slices", pattern="img_#_ch0.tif")
    film.shape, film.voxel_nm, film.read(api.Box((0, 0, 0), (1, 64, 64)))
    ```
    """
    if not isinstance(path, str | Path | zipfile.Path):
        raise UserError(
            f"`path` must be that of {CHOICES}, but got {type(path).__name__}; an array is used as "
            "it is, or as ArrayVolume(array)."
        )
    if not isinstance(path, zipfile.Path):  # the working directory may change later
        path = home_path(str(path)).absolute()
    return reopen(path, Manner(gaps, sparse, pattern, _text(series)), value_range)


def open_labels(
    path: str | Path, *, pattern: str | None = None, series: int | str | None = None
) -> Volume:
    """Open a volume of labels: integers, booleans, or floats with integer values.

    Chunks that are not stored hold their fill value. For paletted images, the indices are read.

    Examples
    --------
    ```python
    mask = open_labels("film/material.tif")
    np.unique(mask.whole())
    ```
    """
    return reopen(path, Manner(sparse=True, pattern=pattern, series=_text(series), labels=True))


def _text(series: int | str | None) -> str | None:
    return None if series is None else str(series)


def reopen(
    path: str | Path | zipfile.Path,
    manner: Manner,
    value_range: tuple[float, float] | None = None,
) -> Volume:
    """Open a volume in the same manner as another one, possibly in another process.

    Examples
    --------
    ```python
    film = open_volume("film/slices", pattern="img_#_ch0.tif")
    reopen(film.path, film.manner, film.declared).shape
    ```
    """
    file: File = path if isinstance(path, zipfile.Path) else home_path(str(path))
    declared = checked_range(value_range)
    source = _open_source(file, manner)
    source = MendedSource(source) if manner.gaps else source
    return Volume(Path(str(file)), source, declared, manner)


#: First bytes of files in other formats.
OTHERS = {
    b"\x89PNG": "a PNG", b"\xff\xd8\xff": "a JPEG", b"GIF8": "a GIF", b"BM": "a BMP",
    b"PK\x03\x04": "a ZIP archive", b"\x89HDF": "HDF5", b"\x93NUMPY": "a NumPy array",
    b"NRRD": "NRRD", b"\x1f\x8b": "compressed by gzip", b"%PDF": "a PDF",
}  # fmt: skip
#: Formats whose files hold other files.
PACKED = ("a ZIP archive", "compressed by gzip")


def _check_format(file: File, manner: Manner) -> None:
    """Raise UserError with the format of a file that is not TIFF, if it is known."""
    begin = read_bytes(file, "a volume must be a file", 8)
    for mark, kind in OTHERS.items():
        if begin.startswith(mark):
            subject = "a label stack or mask of a volume" if manner.labels else "a volume"
            remedy = "unpack it" if kind in PACKED else "save it as TIFF"
            raise UserError(f"{subject} must be {CHOICES}, but {file} is {kind}; {remedy}.")


def _open_source(file: File, manner: Manner) -> Source:
    kind = kind_of(file)
    if kind == "absent":
        raise UserError(f"a volume must be {CHOICES}, but {absence(file)}.")
    zarr = kind == "folder" and is_zarr(file)
    if manner.pattern is not None and (zarr or kind == "file"):
        raise UserError(f"`{PATTERN}` picks slices of a folder, but {file} is one volume.")
    if zarr:
        stack = open_zarr(Path(str(file)), manner)
        return DeepSource(stack, stack.depth) if stack.depth > 1 else stack
    if kind == "folder":
        return open_series(file, manner)
    _check_format(file, manner)
    return open_file(file, manner)
