"""Layouts of TIFF files: codecs, predictors, tiles, depths of bits, axes, levels, alpha.

Right is that all voxels are read correctly; a refusal gives the reason in one line.
"""

from functools import partial

import numpy as np
import tifffile
from films import GREY, PLAIN, N, film, folder, nothing, place
from PIL import Image

CODECS = {
    "LZW": {"compression": "lzw"},
    "LZW, differences": {"compression": "lzw", "predictor": True},
    "deflate, differences": {"compression": "zlib", "predictor": True},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd"},
    "LERC": {"compression": "lerc"},
    "JPEG 2000": {"compression": "jpeg2000", "compressionargs": {"level": 0}},
    "JPEG XL": {"compression": "jpegxl", "compressionargs": {"lossless": True}},
    "PNG": {"compression": "png"},
    "tiles": {"tile": (16, 16)},
    "tiles, LZW, differences": {"tile": (16, 32), "compression": "lzw", "predictor": True},
    "strips of 7": {"rowsperstrip": 7},
    "strips of 7, packed": {"rowsperstrip": 7, "compression": "zlib"},
    "BigTIFF": {"bigtiff": True},
    "big-endian": {"byteorder": ">"},
    "big-endian, differences": {"byteorder": ">", "compression": "zlib", "predictor": True},
    "planes apart": {"planarconfig": "separate"},
}
#: Data types, values of each type, and whether volumes support it.
TYPES = {
    "uint16": (GREY.astype("u2") * 257, True),
    "float32": ((GREY / 256).astype("f4"), True),
    "int16": (GREY.astype("i2") - 100, False),
    "int8": (GREY.astype("i1"), False),
    "uint32": (GREY.astype("u4"), False),
    "int32": (GREY.astype("i4"), False),
    "float16": ((GREY / 256).astype("f2"), False),
    "float64": ((GREY / 256).astype("f8"), False),
    "complex": (GREY.astype("c8"), False),
}


def stored(values, **options):
    tifffile.imwrite(path := place(".tif"), values, **{"photometric": "minisblack", **options})
    return path


def pyramid(values, ome):
    """Write a stack with two smaller levels of every slice in SubIFDs."""
    path = place(".ome.tif" if ome else ".tif")
    with tifffile.TiffWriter(path, ome=ome) as tiff:
        tiff.write(values, subifds=2, metadata={"axes": "ZYX"} if ome else None,
                   photometric="minisblack", tile=(16, 16))  # fmt: skip
        for step in (2, 4):
            tiff.write(values[:, ::step, ::step].copy(), subfiletype=1, tile=(16, 16),
                       photometric="minisblack", metadata=None)  # fmt: skip
    return path


def thumbnails(values, first):
    path = place(".tif")
    with tifffile.TiffWriter(path) as tiff:
        if first:
            tiff.write(values[0, ::4, ::4].copy(), subfiletype=1, metadata=None)
        for image in values:
            tiff.write(image, metadata=None, photometric="minisblack")
        if not first:
            tiff.write(values[0, ::4, ::4].copy(), subfiletype=1, metadata=None)
    return path


def mixed(values, options):
    """Write the slices of one film with alternating options."""
    path = folder([], [])
    for k in N:
        tifffile.imwrite(path / PLAIN[k], values[k], photometric="minisblack",
                         **options[k % len(options)])  # fmt: skip
    return path


def pillow(values, mode, **options):
    first, *others = [Image.fromarray(image).convert(mode) for image in values]
    first.save(path := place(".tif"), save_all=True, append_images=others, **options)
    return path


def hyperstack(axes, shape, **notes):
    tifffile.imwrite(path := place(".tif"), GREY.reshape(*shape, 40, 50), imagej=True,
                     metadata={"axes": axes, **notes})  # fmt: skip
    return path


def ome(axes, shape):
    tifffile.imwrite(path := place(".ome.tif"), GREY.reshape(*shape, 40, 50), ome=True,
                     photometric="minisblack", metadata={"axes": axes})  # fmt: skip
    return path


def lacking(text, new):
    """Write an OME-TIFF with a change in its XML."""
    path = ome("ZYX", (12,))
    data = path.read_bytes()
    assert text in data
    path.write_bytes(data.replace(text, new))
    return path


def inputs():
    for name, options in CODECS.items():
        for what, values in (("uint8", GREY), ("uint16", GREY.astype("u2") * 257)):
            yield f"{name}, {what}", film(stored(values, **options), values)
    values = (GREY / 256).astype("f4")
    for name in ("LZW", "deflate, differences", "zstd", "LERC", "tiles, LZW, differences"):
        yield f"{name}, float32", film(stored(values, **CODECS[name]), values)
    for name, (values, known) in TYPES.items():
        yield name, (partial(film, wanted=values) if known else nothing)(stored(values))
        where = mixed(GREY, [{}])
        tifffile.imwrite(where / PLAIN[5], values[5], photometric="minisblack")
        yield f"one slice of {name}", nothing(where)
        yield f"one slice of {name}, with gaps", film(where, lost=[5], gaps=True)
    for bits in (2, 4, 10, 12, 14):
        most = 2**bits - 1
        low = (GREY.astype("u4") * most // 255).astype("u2" if bits > 8 else "u1")
        yield f"{bits} bits", film(stored(low, bitspersample=bits), low)
    yield "levels beside", film(pyramid(GREY, False))
    yield "levels beside, OME", film(pyramid(GREY, True))
    yield "small picture behind", film(thumbnails(GREY, False))
    yield "small picture first", film(thumbnails(GREY, True))
    ways = [CODECS[name] for name in ("LZW, differences", "tiles", "big-endian", "BigTIFF")]
    yield "each slice in its own way", film(mixed(GREY, ways))
    for mode in ("RGB", "RGBA", "LA", "CMYK", "YCbCr", "LAB"):
        yield (
            f"of {mode}",
            nothing(pillow(GREY, mode))
            if mode != "LA"
            else nothing(
                stored(np.stack([GREY, GREY], -1), planarconfig="contig", extrasamples=[2])
            ),
        )
    yield "alpha apart", nothing(stored(np.stack([GREY, GREY], 1), planarconfig="separate",
                                        extrasamples=[1]))  # fmt: skip
    yield "Pillow's grey", film(pillow(GREY, "L"))
    yield "Pillow's packing", film(pillow(GREY, "L", compression="tiff_adobe_deflate"))
    for axes, shape in (("TZYX", (2, 6)), ("ZCYX", (6, 2)), ("TZCYX", (2, 3, 2))):
        yield f"ImageJ {axes}", nothing(hyperstack(axes, shape))
    for axes in ("TYX", "ZYX", "CYX"):
        yield f"ImageJ {axes}", film(hyperstack(axes, (12,)))
    yield "ImageJ, a range shown", film(hyperstack("ZYX", (12,), min=50, max=90))
    for axes, shape in (("TZYX", (2, 6)), ("CZYX", (2, 6)), ("ZCYX", (6, 2)), ("TCZYX", (2, 3, 2))):
        yield f"OME {axes}", nothing(ome(axes, shape))
    yield "OME, SizeZ of 14", nothing(lacking(b'SizeZ="12"', b'SizeZ="14"'))
    yield "OME, SizeZ of 10", nothing(lacking(b'SizeZ="12"', b'SizeZ="10"'))
    yield "OME, PlaneCount of 11", nothing(lacking(b'PlaneCount="12"', b'PlaneCount="11"'))
    yield "OME, from the second", nothing(lacking(b'IFD="0"', b'IFD="1"'))
