"""Two samples that show one film: nothing may be tested on what is learned from.

Errors are raised when the dataset is opened.
"""

import shutil

import numpy as np
import tifffile
from films import GREY, dataset, labels

from fibsem.data import load_dataset

SIZES = ("{z: 0.05, y: 0.01, x: 0.01}", "{z: 1e-6, y: 1, x: 1}", "{z: 50, y: 0.09, x: 10}")
PARTS = ["test"] * 3 + ["train"] * 6 + ["val"] * 3


def listed(volume, first=0, x=0, parts=PARTS):
    """Write a dataset that lists its film twice, with the squares in other splits."""
    samples = "[{name: film, volume: slices, regions: regions.csv}, "
    path = dataset(samples=f"{samples}{{name: again, volume: {volume}, regions: again.csv}}]")
    rows = [f"masks/m{z}.tif,{z - first},0,{x},{parts[z]}" for z in range(first, 12)]
    (path / "again.csv").write_text("\n".join(["mask,z,y,x,split", *rows, ""]))
    shutil.copytree(path / "slices", path / "copy")
    (path / "link").symlink_to("slices")
    tifffile.imwrite(path / "whole.tif", GREY, photometric="minisblack")
    tifffile.imwrite(path / "part.tif", GREY[2:], photometric="minisblack")
    tifffile.imwrite(path / "packed.tif", GREY, photometric="minisblack", compression="zlib")
    tifffile.imwrite(path / "other.tif", np.roll(GREY, 9, 2), photometric="minisblack")
    return path


def apart(path, known):
    def right():
        return bool(load_dataset(path).hash) and known

    return right


def inputs():
    for volume in ("slices", "./slices", "copy", "link", "whole.tif", "packed.tif"):
        yield f"again: {volume}", apart(listed(volume), False)
        yield f"a column on: {volume}", apart(listed(volume, x=1), False)
        yield f"elsewhere in the slice: {volume}", apart(listed(volume, x=25), True)
    yield "some of its slices", apart(listed("part.tif", first=2), False)
    same = ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    yield "in the same parts", apart(listed("copy", parts=same), True)
    yield "another film", apart(listed("other.tif"), True)
    for size in SIZES:
        yield f"voxels of {size}", labels(dataset(voxel_nm=size), known=False)
