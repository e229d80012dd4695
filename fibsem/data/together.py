"""Regions that lie near each other are read together: what is around them is decoded once.

A slice that is packed is decoded as a whole, whatever is read of it; parts of it that are read one
by one would decode it for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.samples import Region
from fibsem.geometry import Box, Triple

#: Voxels of neighbouring slices that are held at once, bytes; one slice with what is around is.
MOST_BYTES = 2**28


def together(
    regions: Sequence[Region], volumes: Mapping[str, CorrectedVolume], halo: Triple
) -> Iterator[tuple[Region, CorrectedVolume]]:
    """Each region with its volume, of which the voxels around the region are in memory.

    Parameters
    ----------
    regions
        As they lie: those of neighbouring slices behind each other.
    volumes
        The corrected volume of every sample, by name.
    halo
        Surroundings that will be read, (z, y, x).

    Notes
    -----
    Memory: the voxels of one run of slices, in the dtype of the volume, :data:`MOST_BYTES` where a
    single slice takes less.
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
    """Whether a region shares slices with those before it, and all fit."""
    if region.sample != run[0].sample:
        return False
    if all(region.box.start[0] == other.box.start[0] for other in run):
        return True
    near = abs(region.box.start[0] - run[-1].box.start[0]) <= 2 * halo[0]
    hull = _hull([*run, region], volume, halo)
    return near and hull.size * volume.volume.dtype.itemsize <= MOST_BYTES


def _hull(run: Sequence[Region], volume: CorrectedVolume, halo: Triple) -> Box:
    """What of the volume is around some regions."""
    boxes = [region.box.grow(halo) for region in run]
    start, stop = (
        fold([getattr(box, end) for box in boxes], axis=0).tolist()
        for fold, end in ((np.min, "start"), (np.max, "stop"))
    )
    return Box(tuple(start), tuple(stop)).clip(volume.shape)
