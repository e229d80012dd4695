"""Time and memory of a segmentation, for its ledger and its summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from fibsem.system.records import Record, Stored


@dataclass(frozen=True)
class Conditions:
    """Conditions under which slabs were labelled.

    Attributes
    ----------
    tile
        Height and width of a tile's output.
    workers
        Number of processes.
    stages
        Seconds by stage, summed over all processes.
    peak_rss_gib
        Peak memory of the largest process.
    scheduler
        Address of the Dask scheduler of the processes.
    """

    tile: tuple[int, int] | None = None
    workers: int | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    peak_rss_gib: float | None = None
    scheduler: str | None = None


@dataclass(frozen=True)
class SlabCounts:
    """Number of labelled slabs, and how many of them earlier starts had labelled."""

    done: int = 0
    resumed: int = 0


@dataclass(frozen=True)
class Measured(Conditions, Stored):
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

    @property
    def unmeasured(self) -> set[str]:
        """Names of the fields that are not written: unknown ones of earlier versions.

        A scheduler is named, or said to be none, only if other processes labelled.
        """
        several = {"scheduler"} if (self.workers or 0) > 1 else set()
        nullable = {"start_s", "voxels_per_second"} | several if self.slabs else set()
        names = {entry.name for entry in fields(Measured)} - nullable
        return {name for name in names if getattr(self, name) is None}

    def to_json(self) -> Record:
        """Return the record in the ledger, without unknown fields of earlier versions."""
        return {
            key: value for key, value in super().to_json().items() if key not in self.unmeasured
        }
