"""What is read again of a quantification."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fibsem.system.summaries.figures import Ends, Interval, Labelled, Shape, Text
from fibsem.system.summaries.lineage import WrittenLineage


@dataclass(frozen=True)
class SizeFigures:
    """Sizes in one unit; null where no ball covers so much of the pores."""

    median: float | None
    p10: float | None
    p90: float | None

    def __post_init__(self) -> None:
        if self.median is not None and self.p90 is None:
            raise ValueError("it lacks p90")


@dataclass(frozen=True)
class Carried:
    """What the error of the labels moves, or why it cannot be told."""

    why: Text = None
    draws: int | None = None
    range: dict[str, tuple[float, float]] | None = None


@dataclass(frozen=True)
class Bounds(Interval):
    """Intervals of a film and of its material."""

    volume: Ends | None = field()
    material: Ends | None = field(kw_only=True)


@dataclass(frozen=True, kw_only=True)
class QuantificationSummary(Labelled):
    """Record of ``fibsem.quantify``."""

    segmentation: str
    labelling: Text = None
    shape: Shape | None = None
    unit: Literal["nm", "voxels"]
    connectivity: int
    components: int
    percolates: dict[Literal["z", "y", "x"], bool | None]
    tortuosity_factor: dict[str, float | None]
    parts_through: dict[str, tuple[int, int]] | None = None
    porosity_per_px_of_boundary: float | None = field()
    limits: tuple[str, ...]
    porosity_corrected: float | None = field()
    porosity_interval: Bounds = field()
    porosity_ci: Ends | None = None
    lineage: tuple[WrittenLineage, ...] | None = None
    surface_per_um: float | None = None
    surface_per_voxel: float | None = None
    pore_size_nm: SizeFigures | None = None
    pore_size_voxels: SizeFigures | None = None
    throat_size_nm: SizeFigures | None = None
    throat_size_voxels: SizeFigures | None = None
    carried: Carried | None = None
    tables: tuple[str, ...] | None = None
    command: Text = None

    def __post_init__(self) -> None:
        for key in (f"pore_size_{self.unit}", f"throat_size_{self.unit}"):
            if getattr(self, key) is None:
                raise ValueError(f"it lacks {key}")
