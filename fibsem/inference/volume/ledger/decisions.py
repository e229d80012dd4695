"""Decisions that hold for all slabs of a segmentation, and are kept in its ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from fibsem.data.material.extent import KeptExtent
from fibsem.data.preprocessing import Correction
from fibsem.inference.model.predict import Mode
from fibsem.inference.options import Precision
from fibsem.inference.tiling.tiles import Room, Tiling
from fibsem.inference.volume.checks import Certificate
from fibsem.system.records import UNLESS_NONE, Record, Stored
from fibsem.system.summaries.measured import Measured
from fibsem.system.summaries.provenance import Provenance


@dataclass(frozen=True)
class Likeness:
    """Difference of a volume from the training data of its models, and warnings."""

    grey_distance: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Moved:
    """Differences of porosity by each member alone, on some places; empty without material."""

    moved: tuple[float, ...]
    pixels: int


@dataclass(frozen=True)
class KeptPlan(Stored):
    """The plan of a segmentation, as its ledger keeps it.

    Earlier versions labelled whole volumes and did not keep tiles: their ledgers have no
    ``extent``, ``mode``, ``tiling`` and ``room``.
    """

    correction: Correction
    precision: Precision
    changed: float | None
    certificate: Certificate | None
    extent: KeptExtent | None = field(default=None, metadata=UNLESS_NONE)
    mode: Mode | None = field(default=None, metadata=UNLESS_NONE)
    tiling: Tiling | None = field(default=None, metadata=UNLESS_NONE)
    room: Room | None = field(default=None, metadata=UNLESS_NONE)


@dataclass(frozen=True)
class Decisions:
    """Decisions for all slabs of a segmentation; None until they are made.

    Attributes
    ----------
    decisions
        The plan.
    mask
        Digest of the mask of material.
    provenance, greys, members
        Provenance of the labels, distance of the grey values from those of the training, and
        differences between the members.
    likeness
        Field of earlier versions in place of ``greys``, which also had warnings about voxel sizes.
    measured
        Time and memory for the summary.
    pores_3d
        Pore voxels of every slice after small components were removed.
    exported
        Names of exported outputs.
    """

    decisions: KeptPlan | None = None
    mask: str | None = None
    provenance: Provenance | None = None
    likeness: Likeness | None = None
    greys: Likeness | None = None
    members: Moved | None = None
    measured: Measured | None = None
    pores_3d: tuple[int | None, ...] | None = None
    exported: tuple[str, ...] = ()

    def to_json(self) -> Record:
        """Return the decisions by name, without those that are not made yet."""
        record = {
            "decisions": self.decisions and self.decisions.to_json(),
            "mask": self.mask,
            "provenance": self.provenance and self.provenance.to_json(),
            "likeness": self.likeness and asdict(self.likeness),
            "greys": self.greys and asdict(self.greys),
            "members": self.members and asdict(self.members),
            "measured": self.measured and self.measured.to_json(),
            "pores_3d": self.pores_3d,
            "exported": self.exported or None,
        }
        return {name: value for name, value in record.items() if value is not None}
