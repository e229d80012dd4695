"""Units of lengths in all dialects, sizes of print, and pictures whose levels are in any order."""

import itertools

import numpy as np
import tifffile
import zarr
from films import GREY, PLAIN, N, film, folder, nothing, place
from kinds.voxel_sizes import imagej, resolution, same, zeiss

OME = {
    "nm": 1, "µm": 1e3, "mm": 1e6, "cm": 1e7, "dm": 1e8, "m": 1e9, "in": 2.54e7, "thou": 2.54e4,
    "pixel": None, "reference frame": None,
}  # fmt: skip
IMAGEJ = {
    "nanometers": 1, "Nanometer": 1, "nanometres": 1, "micrometers": 1e3, "Micron": 1e3, "um": 1e3,
    "microns": 1e3, "\\u00B5m": 1e3, "Angstrom": 0.1, "angstroms": 0.1, "pixel": None,
}  # fmt: skip
ZARR = {
    "nanometer": 1, "micrometer": 1e3, "angstrom": 0.1, "picometer": 1e-3, "millimeter": 1e6,
    "meter": 1e9, "pixel": None,
}  # fmt: skip
#: Voxel size in nm, in any unit; a stated size over a millimetre would be ignored.
VOXEL_NM = 20.0
#: Print resolutions that ImageJ stores as pixel sizes.
PRINTED = (72, 96, 150, 300, 600)


def told(wanted, **options):
    tifffile.imwrite(path := place(".tif"), GREY, photometric="minisblack", **options)
    return lambda: same(path, wanted)


def levels(steps, scales=None, unit="nanometer"):
    """Write an OME-Zarr with levels in some order; each has other grey values."""
    group = zarr.open_group(path := place(), mode="w", zarr_format=2)
    datasets = []
    for step, scale in itertools.zip_longest(steps, scales or ()):
        stored = GREY[:, ::step, ::step] + np.uint8(step - 1)
        group.create_array(str(step), shape=stored.shape, dtype="u1")[...] = stored
        scale = [50.0, 10.0 * step, 10.0 * step] if scale is None else scale
        transform = [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(step), "coordinateTransformations": transform})
    axes = [{"name": name, "type": "space", "unit": unit} for name in "zyx"]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": datasets}]
    return path


def inputs():
    for unit, nm in OME.items():
        sizes = {f"PhysicalSize{axis}{end}": value for axis in "XYZ"
                 for end, value in (("", VOXEL_NM / (nm or 1)), ("Unit", unit))}  # fmt: skip
        wanted = (nm and VOXEL_NM,) * 3
        yield f"OME: {unit}", told(wanted, ome=True, metadata={"axes": "ZYX", **sizes})
    for unit, nm in IMAGEJ.items():
        wanted = (nm and 200 * nm, nm and 2 * nm, nm and 2 * nm)
        options = {**imagej(spacing=200, unit=unit), "resolution": (0.5, 0.5)}
        yield f"ImageJ: {unit}", told(wanted, **options)
    for dots, unit in itertools.product(PRINTED, ("inch", "inches", "cm")):
        options = {**imagej(spacing=1, unit=unit), "resolution": (dots, dots)}
        yield f"ImageJ: {dots} per {unit}", told((None,) * 3, **options)
    for text, nm in {"4,5 nm": 4.5, "0,0045 µm": 4.5, "4500 pm": 4.5}.items():
        yield f"Zeiss: {text}", told((None, nm, nm), **zeiss("IMAGE_PIXEL", f"Pixel Size = {text}"))
    for unit, nm in ZARR.items():
        path = levels([1], [[VOXEL_NM / (nm or 1)] * 3], unit)
        yield f"Zarr: {unit}", lambda path=path, nm=nm: same(path, (nm and VOXEL_NM,) * 3)
    for steps in itertools.permutations((1, 2, 4)):
        yield f"levels {steps}", film(path := levels(steps))
        yield f"size of levels {steps}", lambda path=path: same(path, (50, 10, 10))
    for scale in ([1.0, 1.0], ["x", 1, 1], [[1], 1, 1]):
        yield f"scale {scale}", nothing(levels([1], [scale]))
    for factor in (1.06, 2.0):
        options = resolution(1e6, 1e6, 3)
        where = folder(PLAIN, GREY, **options)
        tifffile.imwrite(where / PLAIN[7], GREY[7], **resolution(1e6 / factor, 1e6 / factor, 3))
        yield f"one slice of {factor} times the pixel", nothing(where)
    where = folder([], [])
    for k in N:
        tifffile.imwrite(where / PLAIN[k], GREY[k], **resolution(1e6 * 1.04**k, 1e6 * 1.04**k, 3))
    yield "pixels that shrink from slice to slice", nothing(where)
