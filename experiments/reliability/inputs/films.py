"""The film and the labels that every input is made from, and whether they come out again.

Inputs are held against other versions of the package, too, and import public names of the packages,
which stay where rooms are moved.
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

#: A name, and whether what is made of the input is right.
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
    """A path where nothing is."""
    return _home / f"{next(_made)}{name}"


def folder(names: Iterable[str] = PLAIN, images: Iterable[Any] = GREY, **options: Any) -> Path:
    """A folder of slices."""
    path = place()
    path.mkdir()
    for name, image in zip(names, images, strict=True):
        tifffile.imwrite(path / name, image, **options)
    return path


def film(
    path: Path, wanted: Any = GREY, lost: Collection[int] = (), **options: Any
) -> Callable[[], bool]:
    """Whether a volume is the film, but for slices that it says are missing."""

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
    """Whatever is read of it is wrong: nobody can know what was meant."""

    def right() -> bool:
        volume = open_volume(path, **options)
        volume.read(Box.whole(volume.shape))
        return False

    return right


def dataset(**changes: str) -> Path:
    """The film with twelve labelled squares; ``changes`` are lines of its manifest."""
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
    """Whether the labels of a dataset are those that were drawn, where that can be known."""

    def right() -> bool:
        regions = load_dataset(path).samples[0].regions
        wanted = [TRUTH[k, :20, :20] // 255 for k in N]
        same = [np.array_equal(r.read(), w) for r, w in zip(regions, wanted, strict=False)]
        return known and len(regions) == 12 and all(same)

    return right
