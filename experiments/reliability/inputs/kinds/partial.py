"""Pixels that a file holds in part, and facts on an array that stand beside it or above it.

Strips and tiles that no tag lists, JPEG that is cut short, a resolution of an OME-Zarr that is
opened by its own path, axes in attributes of an array, and Zeiss images that were scaled down.
"""

import numpy as np
import tifffile
import zarr
from films import GREY, Inputs, film, nothing, place

from fibsem.data.volumes import open_volume

LISTS = (273, 279, 324, 325)
JPEG = {"compression": "jpeg", "compressionargs": {"level": 95}}
J2K = {"compression": "jpeg2000", "compressionargs": {"level": 0}}
WAYS = {
    "strips": {"rowsperstrip": 7},
    "strips, LZW": {"rowsperstrip": 7, "compression": "lzw"},
    "strips, deflate": {"rowsperstrip": 7, "compression": "zlib"},
    "tiles": {"tile": (16, 16)},
    "tiles, deflate": {"tile": (16, 16), "compression": "zlib"},
}
SCALE = {"z": 50, "y": 10, "x": 10}


def stored(**options):
    tifffile.imwrite(
        path := place(".tif"), GREY, photometric="minisblack", metadata=None, **options
    )
    return path


def shorter(path, keep):
    """List only some strips or tiles of every page."""
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for page in tiff.pages:
            for tag in [tag for tag in page.tags if tag.code in LISTS]:
                tag.overwrite(tag.value[:keep])
    return path


def cut(path, fill):
    """Cut the pixels of a page: by their stated length, or by bytes in place of their end."""
    with tifffile.TiffFile(path, mode="r+") as tiff:
        page = tiff.pages[5]
        offset, count = page.dataoffsets[0], page.databytecounts[0]
        if fill is None:
            page.tags["StripByteCounts"].overwrite(count // 2)
            return path
    data = bytearray(path.read_bytes())
    data[offset + count // 2 : offset + count] = fill * (count - count // 2)
    path.write_bytes(data)
    return path


def pyramid(names, form, inside=""):
    """Write an OME-Zarr whose film lies as its axes say, and return the path of its full level."""
    group = zarr.open_group(path := place(".zarr"), mode="w", zarr_format=form)
    own = "".join(name for name in names if name in SCALE)
    values = GREY.transpose(["zyx".index(name) for name in own])
    values = values.reshape((1,) * (len(names) - 3) + values.shape)
    group.create_array(f"{inside}0", data=np.ascontiguousarray(values))
    axes = [
        {"name": name, **({"type": "space", "unit": "nanometer"} if name in SCALE else {})}
        for name in names
    ]
    scale = {"type": "scale", "scale": [SCALE.get(name, 1) for name in names]}
    image = {
        "axes": axes, "datasets": [{"path": f"{inside}0", "coordinateTransformations": [scale]}]
    }  # fmt: skip
    image = {"multiscales": [image]}
    group.attrs.update(image if form == 2 else {"ome": image})
    return path / inside / "0"


def sized(path, wanted):
    return lambda: film(path)() and open_volume(path).voxel_nm == wanted


def named(key, names):
    array = zarr.create_array(path := place(".zarr"), data=GREY, zarr_format=2)
    array.attrs[key] = names
    return path


def zeiss(width, height):
    lines = ["", "AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 5 nm"]
    lines += ["DP_IMAGE_STORE", f"Store resolution = {width} * {height}"] if width else []
    return stored(extratags=[(34118, "s", 0, "\r\n".join(lines).encode("cp1252"), True)])


def inputs() -> Inputs:
    for name, options in WAYS.items():
        yield f"{name}, all", film(stored(**options))
        for keep in (1, 3):
            yield f"{name}, {keep} listed", nothing(shorter(stored(**options), keep))
    for name, options in (("JPEG", JPEG), ("JPEG 2000", J2K)):
        for what, fill in (("length", None), ("zeros", b"\0"), ("ones", b"\1")):
            yield f"{name} cut, {what}", nothing(cut(stored(rowsperstrip=40, **options), fill))
    for form in (2, 3):
        for inside in ("", "levels/"):
            where = f"form {form}, {inside or 'beside'}"
            yield f"level, {where}", sized(pyramid("zyx", form, inside), (50, 10, 10))
            yield f"level of x, y, z, {where}", nothing(pyramid("xyz", form, inside))
        yield f"level of c, z, y, x, form {form}", sized(pyramid("czyx", form), (50, 10, 10))
        yield f"level of c, x, y, z, form {form}", nothing(pyramid("cxyz", form))
    for key in ("axis_names", "axes"):
        yield f"{key} z, y, x", film(named(key, ["z", "y", "x"]))
        yield f"{key} x, y, z", nothing(named(key, ["x", "y", "z"]))
    yield "Zeiss", sized(zeiss(0, 0), (None, 5, 5))
    yield "Zeiss, as it was stored", sized(zeiss(50, 40), (None, 5, 5))
    yield "Zeiss, scaled down", sized(zeiss(100, 80), (None, None, None))
