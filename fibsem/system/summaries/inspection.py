"""What is read again of an inspection."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.system.summaries.figures import Agreement, Ends, Shape, Text


@dataclass(frozen=True)
class Regions:
    """Labelled regions, by split."""

    train: int
    val: int
    test: int


@dataclass(frozen=True)
class InspectedSample:
    """One film of an inspection."""

    shape: Shape
    dtype: str
    mean: float
    std: float
    median: float
    gradient: float
    regions: Regions
    porosity: float | None
    porosity_ci: Ends | None
    expected_porosity: float | None
    agreement: Agreement | None = None


@dataclass(frozen=True)
class InspectionSummary:
    """Record of ``fibsem.inspect``."""

    voxel_nm: tuple[float | None, float | None, float | None]
    samples: dict[str, InspectedSample]
    warnings: tuple[str, ...]
    dataset: Text = None
    data: Text = None
    figures: tuple[str, ...] | None = None
