"""Time and memory of a segmentation, as its ledger keeps them and its summary tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from fibsem.system.records import Record


@dataclass(frozen=True)
class Conditions:
    """How slabs were labelled.

    Attributes
    ----------
    tile
        Height and width of a tile's output.
    workers, scheduler
        Processes, and the address of the cluster that they belong to.
    stages
        Seconds by stage, of all processes.
    peak_rss_gib
        Memory of the largest of them.
    """

    tile: tuple[int, int] | None = None
    workers: int | None = None
    scheduler: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    peak_rss_gib: float | None = None


@dataclass(frozen=True)
class SlabCounts:
    """Slabs that are done, and those of them that an earlier start had done."""

    done: int
    resumed: int


@dataclass(frozen=True)
class Measured(Conditions):
    """Time and memory of the run that labelled the last slabs.

    Attributes
    ----------
    seconds, start_s
        Of the whole command, and until the first slab was begun.
    voxels_per_second
        That it labelled; None where all were done.
    slabs
        Of the volume.
    """

    seconds: float | None = None
    start_s: float | None = None
    voxels_per_second: float | None = None
    slabs: SlabCounts | None = None

    def to_json(self) -> Record:
        """What ledger and summary say of it; what an older version did not measure is left out."""
        elsewhere = self.scheduler is not None or (self.workers or 0) > 1
        record = {
            "tile": self.tile and [*self.tile],
            "workers": self.workers,
            "stages": dict(self.stages),
            "peak_rss_gib": self.peak_rss_gib,
            **({"scheduler": self.scheduler} if elsewhere else {}),
            "seconds": self.seconds,
            "start_s": self.start_s,
            "voxels_per_second": self.voxels_per_second,
            "slabs": self.slabs and asdict(self.slabs),
        }
        nullable = ("scheduler", "start_s", "voxels_per_second") if self.slabs else ()
        return {key: value for key, value in record.items() if value is not None or key in nullable}
