"""What files say of the size of a voxel: ImageJ, FEI, Zeiss, OME, resolution tags."""

import math

import tifffile
from films import GREY, place

from fibsem.data.volumes import open_volume


def imagej(**notes):
    return {"imagej": True, "resolution": (100.0, 100.0), "metadata": {"axes": "ZYX", **notes}}


def fei(width, height, section="Scan", tag=34682):
    return noted(tag, f"[{section}]\r\nPixelWidth={width}\r\nPixelHeight={height}\r\n")


def zeiss(key, text):
    return noted(34118, f"\r\nAP_{key}_SIZE\r\n{text}\r\n")


def noted(tag, text):
    return {"extratags": [(tag, "s", 0, text.encode("cp1252"), True)]}


def ome(z):
    sizes = {"PhysicalSizeZ": z, "PhysicalSizeZUnit": "nm"}
    return {"ome": True, "metadata": {"axes": "ZYX", **sizes}}


def resolution(x, y, unit):
    return {"resolution": (x, y), "resolutionunit": unit}


SIZES = {
    "ImageJ": ((50, 10, 10), imagej(spacing=0.05, unit="um")),
    "ImageJ, backwards": ((50, 10, 10), imagej(spacing=-0.05, unit="um")),
    "ImageJ, no number": ((None, 10, 10), imagej(spacing="nan", unit="um")),
    "ImageJ, infinite": ((None, 10, 10), imagej(spacing="inf", unit="um")),
    "ImageJ, 0": ((None, 10, 10), imagej(spacing=0, unit="um")),
    "ImageJ, a unit for each axis": (
        (5, 10, 1e4),
        imagej(spacing=5, unit="mm", yunit="um", zunit="nm"),
    ),
    "FEI": ((None, 6, 5), fei(5e-9, 6e-9)),
    "FEI, S-FEG": ((None, 6, 5), fei(5e-9, 6e-9, "EScan", 34680)),
    "FEI and a print size": ((None, 5, 5), {**fei(5e-9, 5e-9), **resolution(72, 72, 2)}),
    "FEI, none": ((None, None, None), fei(0, "nan")),
    "Zeiss": ((None, 4.5, 4.5), zeiss("IMAGE_PIXEL", "Image Pixel Size = 4.5 nm")),
    "Zeiss, µm": ((None, 4.5, 4.5), zeiss("PIXEL", "Pixel Size = 0.0045 µm")),
    "resolution": ((None, 10, 5), resolution(2e6, 1e6, 3)),
    "print resolution": ((None, None, None), resolution(300, 300, 2)),
    "OME, backwards": ((50, None, None), ome(-50)),
    "OME, 0": ((None, None, None), ome(0)),
    "OME, infinite": ((None, None, None), ome("INF")),
    "OME, no number": ((None, None, None), ome("NaN")),
}


def same(path, wanted):
    pairs = zip(open_volume(path).voxel_nm, wanted, strict=True)
    return all(
        a is None if b is None else a is not None and math.isclose(a, b, rel_tol=1e-6)
        for a, b in pairs
    )


def inputs():
    for name, (wanted, options) in SIZES.items():
        tifffile.imwrite(path := place(".tif"), GREY, photometric="minisblack", **options)
        yield name, lambda path=path, wanted=wanted: same(path, wanted)
