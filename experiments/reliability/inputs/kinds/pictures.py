"""Masks as pictures of other depths, palettes and formats, turned, cut, and with other values."""

import numpy as np
import tifffile
from films import TRUTH, dataset, labels
from kinds.masks import masks, pil, tiff
from PIL import ExifTags, Image

TYPES = {"i1": -1, "i2": -1, "u2": 65535, "u4": 2**32 - 1, "u8": 511, "i4": 254}


def png(turn=lambda m: m, kind="PNG", **options):
    return lambda path, m: Image.fromarray(turn(m.astype("u2"))).save(path, kind, **options)


def shown(colours):
    """Return a function that saves values 0 and 1 with a palette of greys or colours."""

    def save(path, m):
        picture = Image.fromarray((m == m.max()).astype("u1"))
        picture.putpalette(colours)
        picture.save(path, "PNG")

    return save


def lying(number):
    def save(path, m):
        told = Image.Exif()
        told[ExifTags.Base.Orientation] = number
        stored = m if number < 5 else m.T.copy()
        Image.fromarray(stored.astype("u1")).save(path, "PNG", exif=told)

    return save


def damaged(change):
    def save(path, m):
        Image.fromarray(m.astype("u1")).save(path, "PNG")
        path.write_bytes(change(path.read_bytes()))

    return save


def one(turn, **options):
    """Write a dataset with one changed mask."""
    path = dataset()
    file = path / "masks" / "m3.tif"
    tifffile.imwrite(file, turn(TRUTH[3, :20, :20]), **{"photometric": "minisblack", **options})
    return path


def inputs():
    yield "16 bits", masks(png(), suffix=".png")
    yield "16 bits, 65535", masks(png(), solid=65535, suffix=".png")
    yield "other numbers than are declared", masks(tiff(turn=lambda m: m // 255), known=False)
    yield "one too many", masks(tiff(turn=lambda m: m + 1), 0, 1, known=False)
    for dtype, solid in TYPES.items():
        save = tiff(dtype, lambda m, solid=solid: np.where(m, np.array(solid, object), 0))
        yield f"{dtype}, {solid}", masks(save, known=False)
    for number in range(2, 9):
        yield f"orientation {number}", masks(lying(number), suffix=".png", known=False)
    yield "upright", masks(lying(1), suffix=".png")
    yield "greys of a palette", masks(shown([0, 0, 0, 255, 255, 255]), suffix=".png")
    yield "numbers of a palette", masks(shown([255, 0, 0, 0, 255, 0]), 0, 1, suffix=".png")
    yield "colours, other numbers", masks(shown([255, 0, 0, 0, 255, 0]), suffix=".png", known=False)
    yield "greys and numbers", masks(shown([1, 1, 1, 0, 0, 0]), 0, 1, suffix=".png", known=False)
    yield "transparent pores", masks(pil("L", transparency=0), suffix=".png")
    yield "a TIFF that is called PNG", masks(tiff(), suffix=".png")
    yield "a PNG that is called TIFF", masks(png(kind="PNG"))
    for kind in ("BMP", "GIF", "JPEG"):
        save = pil("L", format=kind)
        yield f"a {kind}", masks(save, suffix=".png", known=False)
    yield "NumPy", masks(lambda path, m: np.save(path, m), suffix=".npy", known=False)
    yield (
        "half a file",
        masks(damaged(lambda data: data[: len(data) // 2]), suffix=".png", known=False),
    )
    bit = damaged(lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:])
    yield "one bit", masks(bit, suffix=".png", known=False)
    yield "smoothed edges", labels(one(lambda m: np.where(m, 252, 0).astype("u1")), known=False)
    yield (
        "an undeclared value",
        labels(one(lambda m: np.where(m, 255, 128).astype("u1")), known=False),
    )
    yield (
        "three equal colours",
        labels(one(lambda m: np.stack([m] * 3, -1), photometric="rgb"), known=False),
    )
    yield "two pages", labels(one(lambda m: np.stack([m] * 2)), known=False)
    yield "beyond the film", labels(one(lambda m: np.tile(m, (3, 3))), known=False)
    yield "no numbers", labels(one(lambda m: np.where(m, 1, np.nan).astype("f4")), known=False)
    yield "an axis of one", labels(one(lambda m: m[None]))
    yield "floats", labels(one(lambda m: m.astype("f4")))
    yield "one class for two values", labels(dataset(classes="{pore: 0, solid: 0}"), known=False)
    yield "ignored solid", labels(dataset(ignore="255"), known=False)
