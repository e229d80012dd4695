"""What is read again of an inspection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fibsem.system.records import UNLESS_NONE
from fibsem.system.summaries.figures import Agreement, Ends, Shape, Text


@dataclass(frozen=True)
class Regions:
    """Labelled regions, by split."""

    train: int
    val: int
    test: int


@dataclass(frozen=True, kw_only=True)
class InspectedSample:
    """One film of an inspection.

    Attributes
    ----------
    shape, dtype
        Of its voxels, (z, y, x).
    mean, std, median, gradient
        Of its grey values in [0, 1], and their slope along the slice per pixel.
    regions
        Labelled, of each split.
    squares_labelled, squares_drawn
        How many squares there are, and how many of them the figure shows.
    porosity, porosity_ci
        Of the labels, and its interval over ``places``; squares above each other are one place.
    left_out
        Share of the film that shows no material, by kind.
    ignored_px
        Pixels of squares that nobody labelled.
    """

    shape: Shape
    dtype: str
    mean: float
    std: float
    median: float
    gradient: float
    regions: Regions
    squares_labelled: int = 0
    squares_drawn: int = 0
    porosity: float | None
    porosity_ci: Ends | None
    places: int | None = None
    test_places: int | None = None
    expected_porosity: float | None
    left_out: Mapping[str, float] = field(default_factory=dict)
    ignored_px: int = 0
    agreement: Agreement | None = None


@dataclass(frozen=True, kw_only=True)
class InspectionSummary:
    """Record of ``fibsem.inspect``; ``shows`` are digits of what its tables say."""

    dataset: Text = None
    data: Text = None
    voxel_nm: tuple[float | None, float | None, float | None]
    samples: Mapping[str, InspectedSample]
    warnings: tuple[str, ...]
    figures: tuple[str, ...] | None = field(default=None, metadata=UNLESS_NONE)
    shows: Text = field(default=None, metadata=UNLESS_NONE)
