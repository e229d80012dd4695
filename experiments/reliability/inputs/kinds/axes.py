"""Axes and scales as stacks and Zarrs name them: read as they say, or refused."""

from functools import partial

import numpy as np
import tifffile
import zarr
from films import GREY, film, nothing, place

from fibsem.data.volumes import open_volume

SCALE = {"type": "scale", "scale": [50, 10, 10]}
AXES = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]


def ome(level=(SCALE,), **multiscale):
    group = zarr.open_group(path := place(".zarr"), mode="w", zarr_format=3)
    group.create_array("0", data=GREY)
    datasets = [{"path": "0", "coordinateTransformations": list(level)}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"datasets": datasets, **multiscale}]}
    return path


def bare(names):
    zarr.create_array(path := place(".zarr"), data=GREY, dimension_names=names)
    return path


def stack(axes, values=GREY):
    tifffile.imwrite(path := place(".tif"), values, photometric="minisblack",
                     metadata={"axes": axes})  # fmt: skip
    return path


def sized(path, wanted):
    """Return a check that the voxel size is as stated, or unknown."""
    return lambda: open_volume(path).voxel_nm == wanted


def inputs():
    unknown = (None,) * 3
    yield "scale", sized(ome(axes=AXES), (50, 10, 10))
    yield (
        "scale of both",
        sized(
            ome(axes=AXES, coordinateTransformations=[{"type": "scale", "scale": [2, 1, 1]}]),
            (100, 10, 10),
        ),
    )
    moved = {"type": "translation", "translation": [5, 5, 5]}
    yield "scale and place", sized(ome([SCALE, moved], axes=AXES), (50, 10, 10))
    yield "no scale", sized(ome([], axes=AXES), unknown)
    yield "place alone", sized(ome([moved], axes=AXES), unknown)
    yield "identity", sized(ome([{"type": "identity"}], axes=AXES), unknown)
    matrix = [[50, 0, 0, 0], [0, 10, 0, 0], [0, 0, 10, 0]]
    yield "matrix", sized(ome([{"type": "affine", "affine": matrix}], axes=AXES), unknown)
    turned = {"type": "rotation", "rotation": np.eye(3)[::-1].tolist()}
    yield "turned", sized(ome([SCALE, turned], axes=AXES), unknown)
    steps = {"type": "sequence", "transformations": [SCALE]}
    yield "in steps", sized(ome([steps], axes=AXES), unknown)
    for names in ("zyx", "ZYX"):
        named = [{**axis, "name": name} for axis, name in zip(AXES, names, strict=True)]
        yield f"axes {names}", film(ome(axes=named))
        yield f"axes {names}, backwards", nothing(ome(axes=named[::-1]))
        systems = [{"name": "physical", "axes": named}]
        yield f"system {names}", film(ome(coordinateSystems=systems))
        systems = [{"name": "physical", "axes": named[::-1]}]
        yield f"system {names}, backwards", nothing(ome(coordinateSystems=systems))
    ordered = [
        "z y x",
        "plane row col",
        "slice row column",
        "depth height width",
        "dim_0 dim_1 dim_2",
    ]
    for words in ordered:
        yield f"words {words}", film(bare(words.split()))
    for words in ("x y z", "row col plane", "width height depth", "height width depth", "y x z"):
        yield f"words {words}", nothing(bare(words.split()))
    for axes in ("ZYX", "TYX", "CYX", "QYX", "IYX"):
        yield f"stack {axes}", film(stack(axes))
    for axes in ("YXZ", "XYZ", "ZXY", "YXT", "YXC"):
        yield f"stack {axes}", partial(nothing, stack(axes))()
    yield "stack YXZ, as it lies", nothing(stack("YXZ", np.moveaxis(GREY, 0, -1).copy()))
