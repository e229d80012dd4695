"""Masks as annotation programs save them."""

import numpy as np
import tifffile
from films import RAMP, TRUTH, N, dataset, labels
from PIL import Image


def masks(save, pore=0, solid=255, suffix=".tif", known=True):
    """Return a check that a dataset whose masks are saved by ``save`` has the drawn labels."""
    path = dataset(classes=f"{{pore: {pore}, solid: {solid}}}")
    for k in N:
        (path / "masks" / f"m{k}.tif").unlink()
        drawn = np.where(TRUTH[k, :20, :20] == 0, pore, solid)
        save(path / "masks" / f"m{k}{suffix}", drawn)
    table = path / "regions.csv"
    table.write_text(table.read_text().replace(".tif", suffix))
    return labels(path, known)


def tiff(dtype="u1", turn=lambda m: m, **options):
    return lambda path, m: tifffile.imwrite(path, turn(m).astype(dtype), **options)


def pil(mode, **options):
    return lambda path, m: Image.fromarray(m.astype("u1")).convert(mode).save(path, **options)


def two_colours(path, m):
    picture = Image.fromarray((m > 0).astype(np.uint8))
    picture.putpalette([0, 0, 0, 255, 255, 255, *[0] * 762])
    picture.save(path)


def inputs():
    for dtype in ("i4", "i8", "u4", "u8", "i2", "i1", "u1", "u2", "f4", "f8"):
        yield dtype, masks(tiff(dtype), 1, 2)
    yield "truth values", masks(tiff("?"))
    yield "0 is white", masks(tiff(turn=lambda m: 255 - m, photometric="miniswhite"))
    ramp = np.repeat((255 - RAMP)[None] * 257, 3, 0)
    turned = tiff(turn=lambda m: 255 - m, photometric="palette", colormap=ramp)
    yield "inverted palette", masks(turned)
    yield "one bit", masks(pil("1"))
    yield "one bit, fax", masks(pil("1", compression="group4"))
    yield "palette", masks(pil("P"))
    yield "palette of two", masks(two_colours)
    for mode in ("L", "1", "P"):
        yield f"PNG {mode}", masks(pil(mode), suffix=".png")
    yield "PNG, palette of two", masks(two_colours, suffix=".png")
    for mode in ("RGBA", "LA", "RGB"):
        yield f"PNG {mode}", masks(pil(mode), suffix=".png", known=False)
        yield f"TIFF {mode}", masks(pil(mode), known=False)
    yield "JPEG in TIFF", masks(tiff(compression="jpeg"), known=False)
