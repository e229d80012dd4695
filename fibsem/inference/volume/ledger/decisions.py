"""Decisions that hold for all slabs of a segmentation, and are kept in its ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from fibsem.data.material.extent import KeptExtent
from fibsem.data.preprocessing import Correction
from fibsem.inference.model.predict import Mode
from fibsem.inference.options import Precision
from fibsem.inference.tiling.tiles import Room, Tiling
from fibsem.inference.volume.checks import Certificate
from fibsem.inference.volume.ledger.measured import Measured
from fibsem.system.records import UNLESS_NONE, Record, Stored
from fibsem.system.summaries.lineage import WrittenLineage


@dataclass(frozen=True)
class Provenance:
    """Origin of labels; ledgers of earlier versions have fewer fields.

    Attributes
    ----------
    lineage, weights, versions
        For every model: its lineage, its name in ``weights``, its registered version.
    code, command
        Code version and command line of the run that labelled the volume.
    earlier_code
        Versions of the code that labelled earlier slabs.
    """

    lineage: tuple[WrittenLineage, ...] = ()
    weights: tuple[str, ...] = ()
    versions: tuple[str | None, ...] = ()
    code: str | None = None
    command: str | None = None
    earlier_code: tuple[str, ...] = ()

    def to_json(self) -> Record:
        """Return the record in ledger and summary; ``earlier_code`` only if it is not empty."""
        earlier = {"earlier_code": list(self.earlier_code)} if self.earlier_code else {}
        if self == Provenance(earlier_code=self.earlier_code):  # nothing else is known
            return earlier
        return {
            "weights": list(self.weights),
            "versions": list(self.versions),
            "lineage": [one.to_json() for one in self.lineage],
            "code": self.code,
            "command": self.command,
            **earlier,
        }


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
        Origin of the labels, distance of the grey values from those of the training, and
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
