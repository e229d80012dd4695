"""Time and memory of a segmentation, for its ledger and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from fibsem.system.records import Record


@dataclass(frozen=True)
class Conditions:
    """Conditions under which slabs were labelled.

    Attributes
    ----------
    tile
        Height and width of a tile's output.
    workers, scheduler
        Number of processes, and the address of their Dask scheduler.
    stages
        Seconds by stage, summed over all processes.
    peak_rss_gib
        Peak memory of the largest process.
    """

    tile: tuple[int, int] | None = None
    workers: int | None = None
    scheduler: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    peak_rss_gib: float | None = None


@dataclass(frozen=True)
class SlabCounts:
    """Number of labelled slabs, and how many of them earlier starts had labelled."""

    done: int
    resumed: int


@dataclass(frozen=True)
class Measured(Conditions):
    """Time and memory of the run that labelled the last slabs.

    Attributes
    ----------
    seconds, start_s
        Seconds of the whole command, and until the first slab was begun.
    voxels_per_second
        Rate of this run; None if it labelled no slab.
    slabs
        Numbers of slabs.
    """

    seconds: float | None = None
    start_s: float | None = None
    voxels_per_second: float | None = None
    slabs: SlabCounts | None = None

    def to_json(self) -> Record:
        """Return the record in ledger and summary, without unknown fields of earlier versions."""
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
