"""What values mean: 0 as white, palettes, colours, bits in another order."""

import struct
from itertools import product

import numpy as np
import tifffile
from films import GREY, RAMP, film, nothing, place


def stored(values, **options):
    tifffile.imwrite(path := place(".tif"), values, **options)
    return path


def palette(greys):
    return np.repeat(greys[None], 3, 0).astype(np.uint16)


def with_tag(values, tag, value):
    """Write a TIFF with a tag that tifffile does not write."""
    path = stored(values, extratags=[(65000, "H", 1, value, False)], byteorder="<")
    mine, wanted = (struct.pack("<HHI", number, 3, 1) for number in (65000, tag))
    path.write_bytes(path.read_bytes().replace(mine, wanted))
    return path


def inputs():
    for compression, order in product((None, "zlib", "lzw"), "<>"):
        options = {"compression": compression, "byteorder": order}
        path = stored(255 - GREY, photometric="miniswhite", **options)
        yield f"0 is white, {compression}, {order}", film(path)
    for scale in (257, 256, 1):
        ramp = palette((255 - RAMP) * scale)
        path = stored(255 - GREY, photometric="palette", colormap=ramp)
        yield f"inverted palette of {scale}", film(path)
    path = stored(GREY, photometric="palette", colormap=palette(RAMP * 257))
    yield "palette of greys", film(path)
    colours = np.stack([RAMP * 257, RAMP, RAMP[::-1]])
    path = stored(GREY, photometric="palette", colormap=colours)
    yield "palette of colours", nothing(path)
    path = stored(GREY.astype("f4"), photometric="miniswhite")
    yield "floats, 0 is white", nothing(path)
    path = stored(GREY[..., None].repeat(3, -1), photometric="rgb")
    yield "RGB", nothing(path)
    yield "upside down", nothing(with_tag(GREY, 274, 4))
    backwards = np.packbits(np.unpackbits(GREY, axis=-1, bitorder="little"), axis=-1)
    yield "bits in another order", film(with_tag(backwards, 266, 2))
