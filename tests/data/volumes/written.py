"""Volumes on disk as this project and other programs write them."""

import zipfile

import numpy as np
import pytest
import tifffile
import zarr

from fibsem.data.volumes import create_volume, open_volume
from fibsem.data.volumes.source import open_zip
from fibsem.errors import UserError
from fibsem.geometry import Box

SHAPE = (5, 13, 17)


DTYPES = ("uint8", "uint16", "float32")


WRITTEN = ("tiff", "bigtiff", "ome-zarr")


FOREIGN = (
    "zip", "lzw", "deflate", "zstd", "big-endian", "imagej", "imagej-one-page", "strips", "tiles",
    "ome-tiff", "zarr-0.4", "zarr-5d", "array",
)  # fmt: skip


def voxels(dtype, shape=SHAPE):
    rng = np.random.default_rng(7)
    if dtype == "float32":
        return rng.random(shape, np.float32)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def write(folder, kind, array, **options):
    path = folder / ("stack.tif" if kind == "bigtiff" else "stack")
    with create_volume(path, array.shape, array.dtype, format=kind, **options) as writer:
        writer.write(0, array[:2])
        writer.write(2, array[2:])
    return path


def write_foreign(folder, kind, array):
    """The same voxels as other programs may have left them."""
    path = folder / "stack.tif"
    plain = {"photometric": "minisblack"}
    match kind:
        case "zip":
            return zipped(folder, array)
        case "lzw" | "deflate" | "zstd":
            tifffile.imwrite(path, array, compression=kind, predictor=kind == "lzw", **plain)
        case "big-endian":
            tifffile.imwrite(path, array, byteorder=">", **plain)
        case "imagej" | "imagej-one-page":
            tifffile.imwrite(path, array, imagej=True, truncate=kind == "imagej-one-page")
        case "strips":
            tifffile.imwrite(path, array, rowsperstrip=4, compression="zlib", **plain)
        case "tiles":
            tifffile.imwrite(path, array, tile=(16, 16), **plain)
        case "ome-tiff":
            tifffile.imwrite(path, array, ome=True, metadata={"axes": "ZYX"}, **plain)
        case "zarr-0.4" | "zarr-5d":
            return foreign_zarr(folder, kind, array)
    return path


def zipped(folder, array):
    with zipfile.ZipFile(folder / "archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for z, image in enumerate(array, 1):
            tifffile.imwrite(folder / "slice.tif", image)
            archive.write(folder / "slice.tif", f"data/raw/HPC22/HPC22_{z:04d}.tif")
        archive.writestr("data/raw/HPC22/notes.csv", "z")
    return open_zip(folder / "archive.zip") / "data" / "raw" / "HPC22"


def foreign_zarr(folder, kind, array):
    path, leading = folder / "stack.zarr", (1, 1) if kind == "zarr-5d" else ()
    group = zarr.open_group(path, mode="w", zarr_format=2 if kind == "zarr-0.4" else 3)
    stored = group.create_array(
        "full", shape=leading + array.shape, dtype=array.dtype, chunks=(*leading, 2, 7, 8)
    )
    stored[...] = array.reshape(leading + array.shape)
    axes = [{"name": n} for n in "tc"[: len(leading)]]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]
    scale = [{"type": "scale", "scale": [1.0] * len(leading) + [0.05, 0.01, 0.02]}]
    multiscales = [
        {"axes": axes, "datasets": [{"path": "full", "coordinateTransformations": scale}]}
    ]
    if kind == "zarr-0.4":
        group.attrs["multiscales"] = multiscales
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    return path


def series(folder, names, array=None):
    folder.mkdir(exist_ok=True)
    array = voxels("uint8", (len(names), 4, 6)) if array is None else array
    for name, image in zip(names, array, strict=True):
        tifffile.imwrite(folder / name, image)
    return array


def read_unit(path, **options):
    volume = open_volume(path, **options)
    return volume.read_unit(Box.whole(volume.shape))


def refusal(path, **options):
    """The message with which a path is refused, which must be one line."""
    with pytest.raises(UserError) as caught:
        read_unit(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def damage(path):
    with tifffile.TiffFile(path) as tiff:
        start, count = tiff.pages[-1].dataoffsets[0], tiff.pages[-1].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start : start + count] = b"\xff" * count
    path.write_bytes(content)
