"""Estimate the tiles, memory, bytes on disk and time of a segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from fibsem.data.volumes import Volume
from fibsem.inference.model.cost import pixels_per_second
from fibsem.inference.model.predict import PATCH_BATCH, BlockScorer
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.options import Options
from fibsem.inference.tiling.tiles import Tiling
from fibsem.inference.tiling.tuning import tiling_of
from fibsem.inference.volume.before.budget import GIB, room_of

#: Side in pixels of the block that is timed in patch mode.
PATCHES = 32


@dataclass(frozen=True, repr=False)
class SegmentationEstimate:
    """What the segmentation of one volume will need.

    Attributes
    ----------
    tiling
        Tiles of a slice.
    memory_gib
        Peak memory of a process.
    bytes_read, bytes_written
        Bytes of the volume, and of the outputs before compression, with all levels.
    pixels_per_second
        Rate of one process, from a timed tile of ``timed`` pixels.
    voxels, workers
        Number of voxels to label, and of processes that share them.

    Examples
    --------
    ```python
    expected = api.estimate("my/stack", "models:/fibsem@champion")
    expected.seconds, expected.memory_gib, expected.bytes_written
    ```
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
        """Seconds for the whole volume; workers on one machine share its cores."""
        return self.voxels / self.pixels_per_second

    def __repr__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The estimate as text, a line for each figure."""
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
    """Estimate the segmentation of a volume by timing one tile of noise."""
    options.check_members(len(segmenter.members))
    segmenter = segmenter.with_views(options.symmetry)
    room = room_of(volume.shape[1:], volume.kept_bytes, segmenter.halo[0], options)
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
    """Return the bytes of a member's feature maps, for a tile or for a batch of patches."""
    return member.bytes_per_pixel * (PATCH_BATCH if member.mode == "patch" else tile)
