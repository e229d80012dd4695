"""What a segmentation will take: tiles, memory, bytes, time from a timed tile; and Table 4.13."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import keras
import numpy as np

from fibsem.data.volumes import Volume
from fibsem.geometry import Nbhd
from fibsem.inference.model.cost import pixels_per_second
from fibsem.inference.model.predict import PATCH_BATCH, BlockScorer, compiled
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import Tiling
from fibsem.inference.tiling.tuning import tiling_of
from fibsem.inference.volume.budget import GIB, room_of
from fibsem.models import build
from fibsem.models.spec import resolve
from fibsem.system.interrupts import uninterrupted

#: Side of the block that is timed patch by patch.
PATCHES = 32
#: A slice of the thesis (y, x).
SLICE = (2247, 3372)
#: Neighbourhoods of its 2D networks, (n_x, n_y, n_z).
NEIGHBOURHOODS = tuple(f"{n}x{n}x{nz}" for n in (11, 33, 49, 65, 81) for nz in (3, 11))


@dataclass(frozen=True)
class SegmentationEstimate:
    """What one volume takes.

    Attributes
    ----------
    tiling
        Tiles of a slice.
    memory_gib
        Of a process at its peak.
    bytes_read, bytes_written
        Every voxel once; outputs before compression, with all levels.
    pixels_per_second
        Of one process, from a timed tile of ``timed`` pixels.
    voxels, workers
        Voxels to be labelled, processes that share them.
    """

    tiling: Tiling
    memory_gib: float
    bytes_read: int
    bytes_written: int
    pixels_per_second: float
    timed: int
    voxels: int
    workers: int

    @property
    def seconds(self) -> float:
        """Of the whole; workers on one machine share its cores."""
        return self.voxels / self.pixels_per_second

    def text(self) -> str:
        """What a user wants to know before a long run."""
        rows, columns = (
            -(-extent // side)
            for extent, side in zip(
                self.tiling.slice_shape, (self.tiling.height, self.tiling.width), strict=True
            )
        )
        return "\n".join(
            [
                f"tiles    {self.tiling.height} x {self.tiling.width}, {rows} x {columns} a slice",
                f"memory   {self.memory_gib:.1f} GiB at most in each of {self.workers} processes",
                f"read     {self.bytes_read / GIB:.2f} GiB",
                f"written  {self.bytes_written / GIB:.2f} GiB before compression",
                f"time     {self.seconds / 60:.1f} min for {self.voxels / 1e6:.0f} million voxels: "
                f"one tile of {self.timed / 1e6:.2f} million pixels was timed at "
                f"{self.pixels_per_second:.0f} a second, all cores",
            ]
        )


def estimate_segmentation(
    volume: Volume, segmenter: Segmenter, options: Options
) -> SegmentationEstimate:
    """Time one tile of noise, and scale it to a volume."""
    options.check_members(len(segmenter.members))
    segmenter = replace(segmenter, symmetry=options.symmetry)
    room = room_of(volume, segmenter.halo[0], options)
    scorer = Scorer(segmenter, options.precision)
    tiling = tiling_of(scorer, volume.shape, room)
    timed = (PATCHES, PATCHES) if scorer.mode == "patch" else (tiling.height, tiling.width)
    voxels = prod(volume.shape)
    tile = (tiling.height + 2 * scorer.halo[1]) * (tiling.width + 2 * scorer.halo[2])
    maps = max(_maps(member, tile) for member in scorer.members)
    levels = 1 if options.format == "tiff" else 4 / 3
    return SegmentationEstimate(
        tiling=tiling,
        memory_gib=room.held_gib + maps / GIB,
        bytes_read=voxels * volume.dtype.itemsize,
        bytes_written=int(options.stores * voxels * levels),
        pixels_per_second=pixels_per_second(scorer, *timed),
        timed=prod(timed),
        voxels=voxels,
        workers=options.workers,
    )


def _maps(member: BlockScorer, tile: int) -> float:
    """Bytes of the feature maps of a tile: patches go batch by batch, each with maps of its own."""
    return member.bytes_per_pixel * (PATCH_BATCH if member.mode == "patch" else tile)


@dataclass(frozen=True)
class Row:
    """One neighbourhood: what patch by patch extracts for a slice, and both times for it."""

    nbhd: Nbhd
    extracted_gib: float
    patch_s: float
    dense_s: float


def comparison_rows(neighbourhoods: Sequence[str], *, patches: int = PATCH_BATCH) -> Iterator[Row]:
    """Time the default 2dcnn of each neighbourhood patch by patch and densely (Table 4.13).

    Patches are those of the valid network, float32; extraction is counted, not timed.
    """
    area = SLICE[0] * SLICE[1]
    for text in neighbourhoods:
        with uninterrupted():
            keras.backend.clear_session()
        nbhd = Nbhd.parse(text)
        spec = resolve("2dcnn", nbhd, "valid")
        model = build(spec)
        forward = compiled(model)
        batch = np.zeros((patches, *spec.window, nbhd.z), np.float32)
        forward(batch)
        started = time.perf_counter()
        forward(batch)
        patch_s = area * (time.perf_counter() - started) / patches
        dense_s = area / pixels_per_second(BlockScorer(spec, model), 512)
        yield Row(nbhd, area * prod(nbhd.shape) * 4 / GIB, patch_s, dense_s)


def comparison_table(progress: Callable[[str, int, int], None] | None = None) -> Iterator[str]:
    """The project's Table 4.13 as Markdown, line by line: a row as soon as it is timed."""
    yield f"One slice of {SLICE[0]} x {SLICE[1]} pixels, 2dcnn with default sizes, this machine."
    yield ""
    yield "| neighbourhood | extracted patch by patch (GiB) | patch by patch | dense | ratio |"
    yield "|---|--:|--:|--:|--:|"
    for k, row in enumerate(comparison_rows(NEIGHBOURHOODS), start=1):
        if progress:
            progress("neighbourhoods", k, len(NEIGHBOURHOODS))
        yield (
            f"| {row.nbhd} | {row.extracted_gib:.1f} | {row.patch_s / 60:.1f} min | "
            f"{row.dense_s:.1f} s | {row.patch_s / row.dense_s:.0f} |"
        )
