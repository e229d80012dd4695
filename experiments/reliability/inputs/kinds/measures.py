"""Labels of known structure that other programs saved, or of odd films and sizes, for `quantify`.

Right is the porosity that was drawn, in the unit that is known, or one line that says why not.
"""

import json
import shutil

import numpy as np
import tifffile
import zarr
from kinds.segmentations import copied, measured, never, segmented

SHAPE = (12, 40, 50)
#: Walls of 3 pixels with pores of 2 between: a porosity of 0.4, and 20 edges along x.
SLITS = np.broadcast_to(np.where(np.arange(50) % 5 < 2, 0, 255), SHAPE).astype(np.uint8)
SIZE = {"resolution": (100, 100), "metadata": {"spacing": 0.05, "unit": "um", "axes": "ZYX"}}


def porous(porosity=0.4, unit="nm", **figures):
    """Return a check of a summary: its porosity, its unit, and other figures."""

    def right(found):
        same = all(found[key] == value for key, value in figures.items())
        return abs(found["porosity"] - porosity) < 1e-9 and found["unit"] == unit and same

    return right


def saved(base, labels, changes=None, **options):
    """Return a segmentation whose labels another program saved as TIFF."""
    folder = copied(base, labels="labels.tif", **(changes or {}))
    tifffile.imwrite(folder / "labels.tif", labels, **{"photometric": "minisblack", **options})
    return folder


def painted(base, labels, **changes):
    """Return a segmentation with other labels in its Zarr."""
    folder = copied(base, **changes)
    group = zarr.open_group(folder / "labels.ome.zarr", mode="r+")
    with zarr.config.set({"array.write_empty_chunks": True}):
        group["0"][:] = labels
    return folder


def alone(base, labels):
    """Return a segmentation of another shape."""
    folder = copied(base, labels="labels.tif", shape=labels.shape, missing=[])
    tifffile.imwrite(folder / "labels.tif", labels, photometric="minisblack")
    (folder / "ledger.json").unlink()
    return folder


def as_other_programs_save(base):
    """Yield labels as other programs save them."""
    for dtype in ("u1", "u2", "u4", "i2", "i4", "i8", "f4", "f8", ">u2", ">f4"):
        yield f"saved as {dtype}", measured(saved(base, SLITS.astype(dtype)), porous())
    mended = {
        "int8": SLITS.astype("i1"), "truth values": SLITS > 0, "0 and 1": SLITS // 255,
        "shares": SLITS.astype("f4") / 255, "0 and 65535": SLITS.astype("u2") * 257,
        "256 and more": SLITS.astype("u2") + 256, "a voxel of nan": _with_nan(),
        "values between": np.where(SLITS > 0, 254, 3).astype("u1"),
        "a slice less": SLITS[:-1], "a slice more": np.concatenate([SLITS, SLITS[:1]]),
        "x before y": SLITS.transpose(0, 2, 1).copy(), "half as large": SLITS[:, ::2, ::2].copy(),
        "one picture": SLITS[0], "channels": np.stack([SLITS, SLITS], 1),
    }  # fmt: skip
    for name, labels in mended.items():
        yield name, measured(saved(base, labels), never)
    colours = np.stack([SLITS] * 3, -1)
    yield "colours", measured(saved(base, colours, photometric="rgb"), never)
    map_ = np.zeros((3, 256), np.uint16)
    map_[0, 0], map_[1, 255] = 65535, 65535
    yield "a palette", measured(saved(base, SLITS, photometric="palette", colormap=map_), porous())
    yield "0 is white", measured(saved(base, SLITS, photometric="miniswhite"), porous(0.6))
    yield "of ImageJ", measured(saved(base, SLITS, photometric=None, imagej=True, **SIZE), porous())
    twice = {**SIZE, "resolution": (50, 50)}
    yield (
        "of ImageJ, other size",
        measured(saved(base, SLITS, photometric=None, imagej=True, **twice), never),
    )
    for size in ([50, 20, 20], [50, 10, 20]):
        yield f"{size} stated in summary", measured(painted(base, SLITS, voxel_nm=size), never)


def _with_nan():
    labels = SLITS.astype("f4")
    labels[3, 3, 3] = np.nan
    return labels


def of_odd_films(base):
    """Yield labels of films that have no structure, or little."""
    for name, value in (("solid", 255), ("pores", 0), ("missing", 127), ("no material", 64)):
        yield f"all {name}", measured(painted(base, np.full(SHAPE, value, np.uint8)), never)
    for name, value in (("pore", 0), ("solid", 255)):
        labels = np.full(SHAPE, 255 - value, np.uint8)
        labels[5, 20, 20] = value
        share = 1 / labels.size if value == 0 else 1 - 1 / labels.size
        yield f"one voxel of {name}", measured(painted(base, labels), porous(share))
    for name, where in {
        "one slice": np.s_[:1], "two slices": np.s_[:2], "one row": np.s_[:, :1],
        "a line": np.s_[:1, :1],
    }.items():  # fmt: skip
        yield name, measured(alone(base, np.ascontiguousarray(SLITS[where])), porous())


def of_odd_sizes(base):
    """Yield sizes of voxels that are not known, or in other units."""
    folder = painted(base, SLITS)
    yield "sizes as they are", measured(folder, porous())
    for size in ([None] * 3, [None, 10, 10], [50, None, None]):
        given = painted(base, SLITS, voxel_nm=size)
        yield f"size {size}", measured(given, porous(unit="voxels"))
    yield "the size given", measured(given, porous(voxel_nm=[50, 10, 10]), "voxel_nm=[50,10,10]")
    for size in (
        "[0.05,0.01,0.01]", "[5e-8,1e-8,1e-8]", "[5e9,1e9,1e9]", "[0,10,10]", "[-50,10,10]",
        "[10,10]", "10", "50x10x10", "{z: 50, y: 10, x: 10}", "[nan,10,10]",
    ):  # fmt: skip
        yield f"size {size} given", measured(folder, never, f"voxel_nm={size}")
    yield (
        "micrometres given as thousands",
        measured(folder, lambda found: "coarser" in found["limits"][-1], "voxel_nm=[5e4,1e4,1e4]"),
    )
    for key in ("connectivity=18", "face=z2", "largest=0", "largest=nan", "reach=-1", "mesh=obj",
                "mesh_cell=0", "draws=-1", "slab=0", "maps=1", "block_voxels=10"):  # fmt: skip
        yield key, measured(folder, never, key)
    for key in ("slab=1", "slab=7", "slab=1000"):
        yield key, measured(folder, porous(), key)
    yield "records of another film", measured(_of_two(base), never)


def _of_two(base):
    """Return the labels of a film with the summary of one of other voxels."""
    folder = painted(base, SLITS)
    record = json.loads((folder / "summary.json").read_text())
    shutil.copy(folder / "summary.json", folder / "former.json")
    (folder / "summary.json").write_text(json.dumps({**record, "voxel_nm": [20, 20, 20]}))
    return folder


def inputs():
    base = segmented()
    yield from as_other_programs_save(base)
    yield from of_odd_films(base)
    yield from of_odd_sizes(base)
