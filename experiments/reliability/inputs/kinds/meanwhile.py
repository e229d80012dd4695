"""Films that change while they are segmented, by what they are stored as.

Right is the segmentation of the whole film that was opened; a mixture of two films is wrong.
"""

import functools
import os
import shutil
import zipfile

import numpy as np
import tifffile
import zarr
from films import GREY, PLAIN, folder, place
from kinds.segmentations import segmented_at

#: Numbers of finished slices after which the film changes.
MOMENTS = (2, 6, 10)
OTHER = np.ascontiguousarray(GREY[:, ::-1])


def in_pages(values=GREY, **options):
    tifffile.imwrite(path := place(".tif"), values, photometric="minisblack", **options)
    return path


def in_zarr(values=GREY, chunks=(1, 40, 50)):
    group = zarr.open_group(path := place(), mode="w", zarr_format=2)
    group.create_array("0", shape=values.shape, dtype="u1", chunks=chunks)[...] = values
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [50.0, 10.0, 10.0]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": datasets}]
    return path


def in_archive():
    with zipfile.ZipFile(path := place(".zip"), "w") as archive:
        for file in sorted(folder().iterdir()):
            archive.write(file, f"film/{file.name}")
    return path


def behind_link():
    path = place()
    path.symlink_to(folder())
    return path


STORED = {
    "folder": folder,
    "packed folder": lambda: folder(compression="zlib"),
    "pages": in_pages,
    "packed pages": lambda: in_pages(compression="zlib"),
    "one block": lambda: in_pages(imagej=True),
    "Zarr": in_zarr,
    "Zarr in layers": lambda: in_zarr(chunks=(4, 40, 50)),
    "Zarr in bricks": lambda: in_zarr(chunks=(4, 16, 16)),
    "link": behind_link,
}


def over(path, make):
    """Overwrite files with other values, but keep names and times."""
    files = path.rglob("*") if path.is_dir() else [path]
    shown = {file.relative_to(path): file.stat() for file in files}
    new = make()
    for name, status in shown.items():
        source, target = new / name, path / name
        if source.is_file():
            shutil.copyfile(source, target)
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def remade(name):
    """Return a function that stores other values in the same way."""
    with_other = {
        "folder": lambda: folder(images=OTHER),
        "packed folder": lambda: folder(images=OTHER, compression="zlib"),
        "pages": lambda: in_pages(OTHER),
        "packed pages": lambda: in_pages(OTHER, compression="zlib"),
        "one block": lambda: in_pages(OTHER, imagej=True),
        "Zarr": lambda: in_zarr(OTHER),
        "Zarr in layers": lambda: in_zarr(OTHER, (4, 40, 50)),
        "Zarr in bricks": lambda: in_zarr(OTHER, (4, 16, 16)),
    }
    return with_other[name]


def led_elsewhere(path):
    path.unlink()
    path.symlink_to(folder(images=OTHER))


def swapped(path):
    """Replace a folder by another one of the same name, as a synchronisation does."""
    shutil.move(path, place())
    shutil.move(folder(images=OTHER), path)


def grown(path):
    tifffile.imwrite(path / "slice_0012.tif", OTHER[0], photometric="minisblack")


def cut(path):
    file = path / PLAIN[11]
    os.truncate(file, file.stat().st_size // 2)


def touched(path):
    os.utime(path / PLAIN[3])


def renumbered(path):
    for k in range(11, -1, -1):
        (path / PLAIN[k]).rename(path / f"slice_{k + 1:04d}.tif")


def segmented(path, act=lambda path: None, at=None, **options):
    """Return the labels of a film that is changed by ``act`` after ``at`` slices."""
    left = [act]

    def hook(_, done=0, total=0):
        if done == at and left:
            left.pop()(path)

    segmented_at(path, out := place(), hook, slab=2, **options)
    return zarr.open_group(out / "labels.ome.zarr", mode="r")["0"][:]


@functools.cache
def wanted():
    return segmented(folder())


def whole(make, act, at, **options):
    return lambda: np.array_equal(segmented(make(), act, at, **options), wanted())


def inputs():
    wanted()  # imports what takes seconds to load
    for name, make in STORED.items():
        yield f"{name}: nothing", whole(make, lambda path: None, 6)
        for at in MOMENTS:
            change = led_elsewhere if name == "link" else functools.partial(
                lambda path, name: over(path, remade(name)), name=name
            )  # fmt: skip
            yield f"{name}: other values after {at}", whole(make, change, at)
    for at in MOMENTS:
        yield f"another folder of the name after {at}", whole(folder, swapped, at)
        yield f"a further slice after {at}", whole(folder, grown, at)
        yield f"the last one cut after {at}", whole(folder, cut, at)
        yield f"another time of a file after {at}", whole(folder, touched, at)
        yield f"other numbers after {at}", whole(folder, renumbered, at)
        yield f"no film any more after {at}", whole(folder, shutil.rmtree, at)
        yield (
            f"no film any more after {at}, missing=skip",
            whole(folder, shutil.rmtree, at, missing="skip"),
        )
