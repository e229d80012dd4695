"""Read nearby regions together, so that the voxels around them are decoded only once.

A compressed slice is always decoded as a whole, so reading its regions one by one would decode it
once for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.samples import Region
from fibsem.geometry import Box, Triple

#: Maximum size in bytes of the voxels held at once; a single slice may exceed it.
MOST_BYTES = 2**28


def together(
    regions: Sequence[Region], volumes: Mapping[str, CorrectedVolume], halo: Triple
) -> Iterator[tuple[Region, CorrectedVolume]]:
    """Yield each region with its volume, whose voxels around the region are held in memory.

    Parameters
    ----------
    regions
        Regions in order, so that neighbouring slices follow each other.
    volumes
        The corrected volume of every sample, by name.
    halo
        Number of voxels around a region that will be read, too, (z, y, x).

    Notes
    -----
    Memory: the voxels of one run of slices in the dtype of the volume, at most
    :data:`MOST_BYTES` unless a single slice needs more.
    """
    run: list[Region] = []
    for region in regions:
        if run and not _joins(region, run, volumes[region.sample], halo):
            yield from _held(run, volumes[run[0].sample], halo)
            run = []
        run.append(region)
    if run:
        yield from _held(run, volumes[run[0].sample], halo)


def _held(
    run: Sequence[Region], volume: CorrectedVolume, halo: Triple
) -> Iterator[tuple[Region, CorrectedVolume]]:
    held = volume if len(run) == 1 else volume.holding(_hull(run, volume, halo))
    for region in run:
        yield region, held


def _joins(region: Region, run: Sequence[Region], volume: CorrectedVolume, halo: Triple) -> bool:
    """Whether a region shares slices with the current run, and all of it fits in memory."""
    if region.sample != run[0].sample:
        return False
    if all(region.box.start[0] == other.box.start[0] for other in run):
        return True
    near = abs(region.box.start[0] - run[-1].box.start[0]) <= 2 * halo[0]
    hull = _hull([*run, region], volume, halo)
    return near and hull.size * volume.volume.dtype.itemsize <= MOST_BYTES


def _hull(run: Sequence[Region], volume: CorrectedVolume, halo: Triple) -> Box:
    """Return the box around some regions and their halo, clipped to the volume."""
    boxes = [region.box.grow(halo) for region in run]
    start, stop = (
        fold([getattr(box, end) for box in boxes], axis=0).tolist()
        for fold, end in ((np.min, "start"), (np.max, "stop"))
    )
    return Box(tuple(start), tuple(stop)).clip(volume.shape)
