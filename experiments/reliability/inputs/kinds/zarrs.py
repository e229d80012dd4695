"""OME-Zarrs as other programs write them, and files of other formats."""

import numpy as np
import zarr
from films import GREY, film, nothing, place

CORNER = np.where(np.indices(GREY.shape)[1:].max(0) < 25, 0, GREY).astype(np.uint8)
OTHERS = (b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"NRRD0004", b"\x93NUMPY", b"\x89PNG")


def stored(values=GREY, axes="zyx", where="", told=True, fill=0):
    """Write an OME-Zarr; chunks that contain only ``fill`` are left out."""
    root = zarr.open_group(path := place(), mode="w", zarr_format=2)
    group = root.create_group(where) if where else root
    array = group.create_array(
        "0", shape=values.shape, dtype=values.dtype, chunks=(4, 20, 25), fill_value=fill
    )
    array[...] = values
    if told:
        group.attrs["multiscales"] = [{"axes": list(axes), "datasets": [{"path": "0"}]}]
    return path


def inputs():
    yield "0.4", film(stored(axes=[{"name": name} for name in "zyx"]))
    yield "0.3", film(stored())
    yield "0.1", film(stored(axes=""))
    yield "root of bioformats2raw", film(stored(where="0"))
    yield "no multiscales", nothing(stored(told=False))
    yield "x first", nothing(stored(axes="xyz"))
    yield "int64", nothing(stored(GREY.astype("i8")))
    yield "chunks not stored", nothing(stored(CORNER))
    yield "chunks not stored, with gaps", nothing(stored(CORNER), gaps=True)
    yield "chunks not stored, sparse", film(stored(CORNER), CORNER, sparse=True)
    path = stored(255 - CORNER, fill=255)
    yield "chunks of 255 not stored, sparse", film(path, 255 - CORNER, sparse=True)
    for begin in OTHERS:
        path = place()
        path.write_bytes(begin + GREY.tobytes())
        yield f"a file that begins with {begin!r}", nothing(path)
