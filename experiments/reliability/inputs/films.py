"""The film and the labels that every input is made from, and whether they come out again.

Inputs are also run against other versions of the package. So they import public names of packages,
which stay the same when modules are moved.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from fibsem.data import load_dataset
from fibsem.data.volumes import open_volume
from fibsem.geometry import Box

#: Name of an input, and a function that returns whether it is handled right.
Input = tuple[str, Callable[[], bool]]
Inputs = Iterator[Input]

N = range(12)
GREY = np.random.default_rng(0).integers(1, 255, (12, 40, 50), np.uint8)
TRUTH = np.where(GREY < 90, 0, 255).astype(np.uint8)
RAMP = np.arange(256, dtype=np.uint16)
PLAIN = [f"slice_{k:04d}.tif" for k in N]

_home = Path(tempfile.mkdtemp(prefix="inputs-"))
_made = iter(range(10**6))


def place(name: str = "") -> Path:
    """Return a path that does not exist."""
    return _home / f"{next(_made)}{name}"


def folder(names: Iterable[str] = PLAIN, images: Iterable[Any] = GREY, **options: Any) -> Path:
    """Write a folder of slices and return its path."""
    path = place()
    path.mkdir()
    for name, image in zip(names, images, strict=True):
        tifffile.imwrite(path / name, image, **options)
    return path


def film(
    path: Path, wanted: Any = GREY, lost: Collection[int] = (), **options: Any
) -> Callable[[], bool]:
    """Return a check that a volume equals the film, except for slices that it names as missing."""

    def right() -> bool:
        volume = open_volume(path, **options)
        voxels = volume.read(Box.whole(volume.shape))
        kept = [z for z in range(len(wanted)) if z not in lost]
        return (
            voxels.shape == wanted.shape
            and set(volume.missing) == set(lost)
            and np.array_equal(voxels[kept], wanted[kept])
        )

    return right


def nothing(path: Path, **options: Any) -> Callable[[], bool]:
    """Return a check that fails for anything that is read, since the input is ambiguous."""

    def right() -> bool:
        volume = open_volume(path, **options)
        volume.read(Box.whole(volume.shape))
        return False

    return right


def dataset(**changes: str) -> Path:
    """Write the film with twelve labelled squares; ``changes`` are lines of its manifest."""
    path = place()
    (path / "masks").mkdir(parents=True)
    (path / "slices").mkdir()
    for k, name in enumerate(PLAIN):
        tifffile.imwrite(path / "slices" / name, GREY[k])
        tifffile.imwrite(path / "masks" / f"m{k}.tif", TRUTH[k, :20, :20])
    parts = ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    rows = [f"masks/m{k}.tif,{k},0,0,{parts[k]}\n" for k in N]
    (path / "regions.csv").write_text("mask,z,y,x,split\n" + "".join(rows))
    lines = {
        "name": "film",
        "classes": "{pore: 0, solid: 255}",
        "samples": "[{name: film, volume: slices, regions: regions.csv}]",
        **changes,
    }
    (path / "dataset.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
    return path


def labels(path: Path, known: bool = True) -> Callable[[], bool]:
    """Return a check that the labels are those that were drawn; fails if they are ambiguous."""

    def right() -> bool:
        regions = load_dataset(path).samples[0].regions
        wanted = [TRUTH[k, :20, :20] // 255 for k in N]
        same = [np.array_equal(r.read(), w) for r, w in zip(regions, wanted, strict=False)]
        return known and len(regions) == 12 and all(same)

    return right
