"""Local thickness and components of a whole film as volumes for viewing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fibsem.analysis.structure.film import PORE, Film
from fibsem.analysis.structure.joined import Connectivity, Joined
from fibsem.analysis.structure.thickness import thickness_of_blocks
from fibsem.data.volumes import VoxelNm, create_volume
from fibsem.geometry import Box
from fibsem.system.files import remove

Show = Callable[[str, int, int], None]

#: Shape (z, y, x) of the blocks in which thickness is computed.
BLOCK = (32, 512, 512)
#: Number of slices in which components are labelled at once, and the largest component number.
SLAB, MOST = 4, 2**16 - 1


def write_thickness(
    film: Film, folder: Path, diameters: Sequence[float], voxel_nm: VoxelNm, show: Show
) -> str:
    """Write the diameter of the largest ball that covers each pore voxel, float32; 0 elsewhere.

    Diameters are in the unit of the film's spacing. Returns the name of the volume.
    """
    path = folder / "thickness.ome.zarr"
    remove(path)
    table = np.array([0.0, *diameters], np.float32)
    storage = {"format": "ome-zarr", "voxel_nm": voxel_nm}
    with create_volume(path, film.shape, np.float32, **storage) as writer:  # type: ignore[arg-type]
        for start in range(0, film.shape[0], BLOCK[0]):
            stop = min(start + BLOCK[0], film.shape[0])
            layer = Box((start, 0, 0), (stop, *film.shape[1:]))
            thick = np.zeros(layer.shape, np.float32)
            for block, sizes, _ in thickness_of_blocks(film, list(layer.tiles(BLOCK)), diameters):
                _, rows, columns = block.slices
                thick[:, rows, columns] = table[sizes]
            writer.write(start, thick)
            show("thickness", stop, film.shape[0])
    return path.name


def write_components(
    film: Film, folder: Path, connectivity: Connectivity, voxel_nm: VoxelNm, show: Show
) -> str:
    """Write the component number of each pore voxel, the largest first, uint16; 0 elsewhere.

    Numbers are clipped to 65 535. Returns the name of the volume.
    """
    path = folder / "components.ome.zarr"
    remove(path)
    joined, sizes = Joined(connectivity), [np.zeros(1, np.int64)]
    for _, slab in film.slabs(SLAB):
        first = joined.count
        numbers = joined.add(slab == PORE)
        counts = np.bincount(numbers.ravel(), minlength=joined.count)
        sizes.append(counts[first : joined.count])
    groups = joined.groups
    volumes = np.bincount(groups, np.concatenate(sizes))
    volumes[groups[0]] = np.inf  # so that everything but pores gets number 0
    ranks = np.empty(len(volumes), np.int64)
    ranks[np.argsort(-volumes, kind="stable")] = np.arange(len(volumes))
    table = np.minimum(ranks[groups], MOST).astype(np.uint16)
    again, storage = Joined(connectivity), {"format": "ome-zarr", "voxel_nm": voxel_nm}
    with create_volume(path, film.shape, np.uint16, **storage) as writer:  # type: ignore[arg-type]
        for start, slab in film.slabs(SLAB):
            writer.write(start, table[again.add(slab == PORE)])
            show("components", start + len(slab), film.shape[0])
    return path.name
