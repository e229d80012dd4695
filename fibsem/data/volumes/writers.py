"""Write volumes slab by slab: a series of TIFF slices, one BigTIFF, or OME-Zarr 0.5.

Slices and chunks are written to temporary files and renamed; a BigTIFF appears once it is complete.
An interrupted series or OME-Zarr can be continued; a BigTIFF cannot, because its last page is
unfinished.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from fibsem.data.volumes.tiff.tiff_writers import BigTiffWriter, SeriesWriter
from fibsem.data.volumes.voxels import DTYPES, UNKNOWN_NM, VoxelNm, Voxels
from fibsem.data.volumes.writer import VolumeWriter, occupied
from fibsem.data.volumes.zarrs.ome import Meaning
from fibsem.data.volumes.zarrs.omezarr_writer import OmeZarrWriter
from fibsem.errors import UserError
from fibsem.geometry import Triple
from fibsem.system.advice import FORMAT
from fibsem.system.files import room_for

#: Previously registered models import `Voxels` from here.
__all__ = ["WRITERS", "Format", "VolumeWriter", "Voxels", "create_volume"]

Format = Literal["tiff", "ome-zarr", "bigtiff"]

WRITERS: dict[str, type[VolumeWriter]] = {
    "tiff": SeriesWriter,
    "bigtiff": BigTiffWriter,
    "ome-zarr": OmeZarrWriter,
}


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
        A folder for ``tiff`` and ``ome-zarr``, a file for ``bigtiff``.
    shape
        Shape (z, y, x).
    dtype
        uint8, uint16 or float32.
    format
        ``tiff``: a folder of ``slice_0000.tif`` and so on; ``bigtiff``: one file, written in order;
        ``ome-zarr``: OME-Zarr 0.5 in chunks of one slice.
    voxel_nm
        Voxel size (z, y, x) in nm, None where unknown; stored where `open_volume` reads it.
    meanings
        Meanings of label values; stored in an OME-Zarr.
    resume
        Continue an existing series or OME-Zarr of the same shape and dtype.

    Returns
    -------
    VolumeWriter
        A context manager.

    Raises
    ------
    UserError
        If ``format`` is unknown, or ``path`` is occupied and may not or cannot be continued.
    ValueError
        If the dtype is another one, or the shape is not three positive extents.

    Notes
    -----
    uint8 pages are deflated, because labels shrink a hundredfold; other pages are not, because the
    noise in grey values does not compress and boxes of plain pages are read row by row.

    Examples
    --------
    ```python
    with create_volume("film.ome.zarr", (8, 64, 64), np.uint8, format="ome-zarr") as writer:
        writer.write(0, np.zeros((8, 64, 64), np.uint8))
    ```
    """
    path, dtype = Path(path), np.dtype(dtype)
    if format not in WRITERS:
        choices = ", ".join(get_args(Format))
        raise UserError(f"`{FORMAT}` must be one of {choices}, but got {format}.")
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be uint8, uint16 or float32, but got {dtype}")
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"shape must be three positive extents (z, y, x), but got {shape}")
    if not resume and occupied(path):
        raise UserError(f"an output must be a new or empty path, but {path} is there already.")
    with room_for(path):
        return WRITERS[format](path, shape, dtype, voxel_nm, meanings)
