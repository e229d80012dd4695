"""Remove small components in three dimensions, slab by slab.

Components of each slab are found separately and joined where slabs touch, so that only one slab is
in memory. Solids are processed first, then pores in the result, as in post-processing by slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fibsem.data.volumes import Volume, VolumeWriter
from fibsem.geometry import Box

LabelArray = npt.NDArray[np.uint8]
Components = npt.NDArray[np.uint32]

#: Voxels are neighbours if they share a face, as 4 neighbours in a slice.
CONNECTIVITY = 6
#: Slices of a slab, and most voxels of it if slices are large.
SLICES, VOXELS = 4, 2**25
#: Voxels that are counted at once, since NumPy converts them to 64-bit integers.
COUNTED = 2**24
#: Class of voxels in missing slices or without material: neither pore nor solid.
NEITHER = 2


@dataclass(frozen=True)
class Judgement:
    """Components of one class to flip, by slab.

    ``small[k][c]`` is True for component c of slab k; component 0 is the other class.
    """

    value: int
    small: list[npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Slabs:
    """A labelled volume as an iterable of slabs, which are read again in each iteration.

    Attributes
    ----------
    volume, classes
        Label values, and which of them are pore and solid.
    slices
        Slices of a slab, which takes about eight bytes a voxel; None: by their size.
    """

    volume: Volume
    classes: tuple[int, int]
    slices: int | None = None

    @property
    def depth(self) -> int:
        """Number of slices in the volume."""
        return self.volume.shape[0]

    def __iter__(self) -> Iterator[tuple[int, LabelArray, LabelArray]]:
        """Yield first slice, stored label values, and classes 0, 1 or NEITHER of every slab."""
        table = np.full(256, NEITHER, np.uint8)
        table[list(self.classes)] = (0, 1)
        _, height, width = self.volume.shape
        step = self.slices or max(1, min(SLICES, VOXELS // (height * width)))
        for start in range(0, self.depth, step):
            stop = min(start + step, self.depth)
            raw = self.volume.read(Box((start, 0, 0), (stop, height, width)))
            yield start, raw, table[raw]


def remove_small_3d(
    slabs: Slabs,
    writer: VolumeWriter,
    min_voxels: float,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[int | None]:
    """Flip 6-connected components of fewer than ``min_voxels`` voxels, solids first, then pores.

    Parameters
    ----------
    slabs, writer
        Label values to read (three times) and to write (once). Voxels that are neither pore nor
        solid are left unchanged, and a component that touches one of them is kept: it may continue
        there.
    min_voxels
        Fewest voxels of a component that stays.

    Returns
    -------
    list of int or None
        Pore voxels of every slice; None for a slice with neither class.
    """
    judged: list[Judgement] = []
    for value in (1, 0):
        judged.append(_judge(slabs, value, min_voxels, judged, progress))
    pores: list[int | None] = []
    values = np.array([*slabs.classes, 0], np.uint8)
    for k, (start, raw, labels) in enumerate(slabs):
        _flip(labels, k, judged)
        written = np.where(labels == NEITHER, raw, values[labels])
        writer.write(start, written)
        pores += [
            None if (image == NEITHER).all() else int(np.count_nonzero(image == 0))
            for image in labels
        ]
        if progress:
            progress("slices without small components", start + len(labels), slabs.depth)
    return pores


def _judge(
    slabs: Slabs,
    value: int,
    min_voxels: float,
    before: list[Judgement],
    progress: Callable[[str, int, int], None] | None,
) -> Judgement:
    """Determine which components of one class are small, by their size in the whole volume."""
    sizes: list[npt.NDArray[np.int64]] = []  # sizes of components, by slab
    open_ended: list[npt.NDArray[np.bool_]] = []
    pairs: list[npt.NDArray[np.int64]] = []  # touching across slabs, numbered over all slabs
    offset = last_offset = 0
    above: tuple[Components, LabelArray] | None = None  # last slice of the slab before
    for k, (start, _, labels) in enumerate(slabs):
        _flip(labels, k, before)
        components = _components(labels, value)
        count = int(components.max()) + 1
        sizes.append(_sizes(components, count))
        open_ended.append(_beside(components, labels == NEITHER, count))
        if above is not None:
            last, last_labels = above
            touching = (last > 0) & (components[0] > 0)
            both = np.stack([last[touching] + last_offset, components[0][touching] + offset])
            pairs.append(np.unique(both.astype(np.int64), axis=1))
            open_ended[-2][last[labels[0] == NEITHER]] = True
            open_ended[-1][components[0][last_labels == NEITHER]] = True
        above, last_offset, offset = (components[-1], labels[-1]), offset, offset + count
        if progress:
            progress("components", start + len(labels), slabs.depth)
    edges = np.concatenate(pairs, axis=1) if pairs else np.empty((2, 0), np.int64)
    graph = coo_array((np.ones(edges.shape[1], np.bool_), (edges[0], edges[1])), (offset, offset))
    _, group = connected_components(graph, directed=False)
    for flags in open_ended:
        flags[0] = False  # the other class
    total = np.bincount(group, np.concatenate(sizes))
    is_open = np.bincount(group, np.concatenate(open_ended)) > 0
    small = ((total < min_voxels) & ~is_open)[group]
    parts = np.split(small, np.cumsum([len(sizes_of_slab) for sizes_of_slab in sizes])[:-1])
    for flags in parts:
        flags[0] = False
    return Judgement(value, parts)


def _sizes(components: Components, count: int) -> npt.NDArray[np.int64]:
    """Count the voxels of every component, in parts since NumPy copies them to 64 bits."""
    flat, sizes = components.ravel(), np.zeros(count, np.int64)
    for start in range(0, flat.size, COUNTED):
        sizes += np.bincount(flat[start : start + COUNTED], minlength=count)
    return sizes


def _beside(
    components: Components, unknown: npt.NDArray[np.bool_], count: int
) -> npt.NDArray[np.bool_]:
    """Return which components of a slab share a face with a voxel of neither class."""
    touching = np.zeros(count, np.bool_)
    if unknown.any():
        for axis in range(3):
            ours, theirs = np.moveaxis(components, axis, 0), np.moveaxis(unknown, axis, 0)
            touching[ours[1:][theirs[:-1]]] = True
            touching[ours[:-1][theirs[1:]]] = True
    return touching


def _flip(labels: LabelArray, k: int, judged: list[Judgement]) -> None:
    """Flip the small components of a slab, in place."""
    for judgement in judged:
        components = _components(labels, judgement.value)
        labels[judgement.small[k][components]] = 1 - judgement.value


def _components(labels: LabelArray, value: int) -> Components:
    mask = np.ascontiguousarray(labels == value).view(np.uint8)
    components: Components = cc3d.connected_components(mask, connectivity=CONNECTIVITY)
    return components.astype(np.uint32, copy=False)
