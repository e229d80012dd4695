"""Summary of an inspection, as far as it is read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fibsem.system.records import UNLESS_NONE
from fibsem.system.summaries.figures import Agreement, Ends, Shape, Text


@dataclass(frozen=True)
class Regions:
    """Number of labelled regions in each split."""

    train: int
    val: int
    test: int


@dataclass(frozen=True, kw_only=True)
class InspectedSample:
    """One film of an inspection.

    Attributes
    ----------
    shape, dtype
        Shape (z, y, x) and dtype of the volume.
    mean, std, median, gradient
        Statistics of the grey values in [0, 1], and their slope per pixel along x or, with
        ``preprocess.gradient=y``, along y.
    regions
        Labelled regions of each split.
    squares_labelled, squares_drawn
        Number of squares, and number of squares that the figure shows.
    porosity, porosity_ci
        Porosity of the labels, and its interval over ``places``; squares above each other are one
        place.
    left_out
        Share of the film that is not material, by kind.
    ignored_px
        Unlabelled pixels within squares.
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
    """Record of ``fibsem.inspect``; ``shows`` is a digest of the content of its tables.

    Examples
    --------
    ```python
    from fibsem.system.records import typed

    inspected = typed(InspectionSummary, read_json(Path("inspection/summary.json")))
    inspected.warnings, {name: film.porosity for name, film in inspected.samples.items()}
    ```
    """

    dataset: Text = None
    data: Text = None
    voxel_nm: tuple[float | None, float | None, float | None]
    samples: Mapping[str, InspectedSample]
    warnings: tuple[str, ...]
    figures: tuple[str, ...] | None = field(default=None, metadata=UNLESS_NONE)
    shows: Text = field(default=None, metadata=UNLESS_NONE)
