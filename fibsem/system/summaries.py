"""What readers of a ``summary.json`` take for granted, by kind: the shapes of our own records.

Keys without a default are needed; those with one are younger, or of one way of working only. What
nobody reads again is not named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fibsem.system.identity import kind_of
from fibsem.system.records import typed

Shape = tuple[int, int, int]
Figures = dict[str, float | None]
#: Ends of an interval; null where there is none.
Ends = tuple[float | None, float | None]
Text = str | None


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over seeds."""

    mean: float | None
    std: float | None


@dataclass(frozen=True)
class Known:
    """The same of a figure that is never missing."""

    mean: float
    std: float | None


@dataclass(frozen=True)
class Balanced:
    """Figures on balanced pixels."""

    miou: Known
    accuracy: Spread
    loss: Spread


@dataclass(frozen=True)
class Squares:
    """Figures on all labelled pixels."""

    miou: Known
    accuracy: Spread
    porosity: Spread
    label_porosity: Spread
    iou_pore: Spread | None = None
    iou_pore_median: Spread | None = None


@dataclass(frozen=True)
class Truth:
    """Figures against the exact truth of a phantom."""

    miou: Spread


@dataclass(frozen=True)
class Picked:
    """How a volume was opened, where that was told."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    pattern: Text = None
    series: int | str | None = None
    sparse: bool | None = None


@dataclass(frozen=True)
class Told:
    """An interval of a porosity, or why there is none."""

    volume: Ends | None = None
    why: Text = None
    squares: int | None = None
    others: dict[str, Figures] | None = None


@dataclass(frozen=True)
class Members:
    """What members of an ensemble say alone."""

    each: tuple[float, ...]


@dataclass(frozen=True)
class Labelled:
    """Porosity of a segmented film."""

    porosity: float
    porosity_ci: Ends | None
    porosity_corrected: float | None = None
    porosity_interval: Told | None = None
    porosity_by_member: Members | None = None


@dataclass(frozen=True)
class Corrected(Labelled):
    """The same, as it is told in words."""

    def __post_init__(self) -> None:
        told = self.porosity_interval
        if self.porosity_corrected is None:
            return
        if told is None or told.volume is None or told.squares is None:
            raise ValueError("it lacks the interval of porosity_corrected")


@dataclass(frozen=True)
class Regions:
    """Labelled regions, by split."""

    train: int
    val: int
    test: int


@dataclass(frozen=True)
class Agreement:
    """How far those who labelled the same squares agree."""

    annotators: tuple[str, ...]
    squares: int
    miou: float
    porosity_difference: float


@dataclass(frozen=True)
class Sample:
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
class Inspection:
    """Of ``fibsem.inspect``."""

    voxel_nm: tuple[float | None, float | None, float | None]
    samples: dict[str, Sample]
    warnings: tuple[str, ...]
    dataset: Text = None
    data: Text = None


@dataclass(frozen=True)
class Scored:
    """MIoU of one seed, or of one trial."""

    miou: float


@dataclass(frozen=True)
class Run:
    """One seed of an evaluation."""

    seed: int
    val: Scored


@dataclass(frozen=True)
class Evaluation:
    """Of ``fibsem.evaluate``."""

    model: str
    nbhd: str
    train: Balanced
    val: Balanced
    test: Balanced
    epochs: Spread
    train_seconds: Spread
    parameters: Known
    seconds_per_gigapixel: Spread
    groups: tuple[str, ...]
    samples: dict[str, dict[str, Squares]]
    runs: tuple[Run, ...]
    train_all: Squares | None = None
    train_chosen: Squares | None = None
    val_all: Squares | None = None
    val_chosen: Squares | None = None
    test_all: Squares | None = None
    test_chosen: Squares | None = None
    test_truth: Truth | None = None
    loss: str = "bce"
    dataset: Text = None
    data: Text = None
    run_id: Text = None
    command: Text = None

    def __post_init__(self) -> None:
        if len(sides := self.nbhd.split("x")) != 3 or not all(map(str.isdigit, sides)):
            raise ValueError(f"`nbhd` must be three whole numbers, but got {self.nbhd}")


@dataclass(frozen=True)
class Counts:
    """Trials of a sweep, by what became of them."""

    complete: int
    pruned: int
    failed: int


@dataclass(frozen=True)
class Best:
    """The best trial of a sweep."""

    value: float
    val: Scored
    params: dict[str, Any] | None = None
    run_id: Text = None


@dataclass(frozen=True)
class Sweep:
    """Of ``fibsem.sweep``."""

    study: str
    trials: Counts
    best: Best | None
    objectives: tuple[str, ...]
    seconds: float
    parent_run_id: Text
    dataset: Text = None
    data: Text = None
    command: Text = None

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("`objectives` must name one at least")


@dataclass(frozen=True)
class Gate:
    """The verdict on a challenger."""

    passed: bool
    reason: str


@dataclass(frozen=True)
class Calibrated:
    """What a promotion calibrated."""

    temperature: float
    ece_before: float
    ece_after: float
    offset: float = 0.0
    test_ece_before: float | None = None
    test_ece_after: float | None = None


@dataclass(frozen=True)
class Ensemble:
    """What several networks bring to a promotion."""

    members: int
    gain_test_miou: float
    cost_ratio: float


@dataclass(frozen=True)
class Tested(Scored):
    """Figures on all labelled test pixels."""

    porosity: float | None = None
    label_porosity: float | None = None


@dataclass(frozen=True, kw_only=True)
class Crowned:
    """Of ``fibsem.promote``, as all versions wrote it."""

    winner: Any
    version: str
    gate: Gate
    lineage: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Promotion(Crowned):
    """The same, as reports need it."""

    val_all: Scored
    test_all: Tested
    postprocessing: dict[str, float]
    samples: dict[str, Corrected]
    calibration: Calibrated | None = None
    ensemble: Ensemble | None = None


@dataclass(frozen=True, kw_only=True)
class Segmented(Corrected):
    """Of ``fibsem.segment``, as all versions wrote it."""

    labels: str
    shape: Shape
    porosity_ci: Ends | None = None
    members: tuple[str, ...] = ()
    missing: tuple[int, ...] = ()
    classes: tuple[int, int] = (0, 255)
    voxel_nm: tuple[float | None, float | None, float | None] | None = None
    volume: Text = None
    volume_hash: Text = None
    model: Text = None
    picked: Picked | None = None
    probabilities: Text = None
    uncertainty: Text = None
    warnings: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    versions: tuple[Text, ...] = ()
    lineage: tuple[dict[str, Any], ...] | None = None
    code: Text = None
    command: Text = None
    earlier_code: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        depth, (pore, solid) = self.shape[0], self.classes
        legal = {
            "shape": min(self.shape) >= 1,
            "classes": pore != solid and {pore, solid} <= set(range(256)),
            "voxel_nm": all(nm is None or 0 < nm < math.inf for nm in self.voxel_nm or ()),
            "missing": all(0 <= z < depth for z in self.missing),
            "weights": not self.weights or len(self.weights) == len(self.lineage or ()),
            "versions": not self.versions or len(self.versions) == len(self.lineage or ()),
        }
        for key, fine in legal.items():
            if not fine:
                raise ValueError(f"{key}: cannot be {getattr(self, key)}")


@dataclass(frozen=True, kw_only=True)
class Segmentation(Segmented):
    """The same, as reports need it."""

    porosity_ci: Ends = field()
    members: tuple[str, ...] = field()
    missing: tuple[int, ...] = field()
    mode: str
    precision: str
    seconds: float


@dataclass(frozen=True)
class Sizes:
    """Sizes in one unit."""

    median: float | None
    p10: float | None
    p90: float | None

    def __post_init__(self) -> None:
        if self.median is not None and None in (self.p10, self.p90):
            raise ValueError("it lacks p10 or p90")


@dataclass(frozen=True)
class Carried:
    """What the error of the labels moves, or why it cannot be told."""

    why: Text = None
    draws: int | None = None
    range: dict[str, tuple[float, float]] | None = None


@dataclass(frozen=True)
class Bounds(Told):
    """Intervals of a film and of its material."""

    volume: Ends | None = field()
    material: Ends | None = field(kw_only=True)


@dataclass(frozen=True, kw_only=True)
class Quantification(Labelled):
    """Of ``fibsem.quantify``."""

    segmentation: str
    unit: Literal["nm", "voxels"]
    connectivity: int
    components: int
    percolates: dict[Literal["z", "y", "x"], bool | None]
    tortuosity_factor: dict[str, float | None]
    porosity_per_px_of_boundary: float | None
    limits: tuple[str, ...]
    porosity_corrected: float | None = field()
    porosity_interval: Bounds = field()
    porosity_ci: Ends | None = None
    lineage: tuple[dict[str, Any], ...] | None = None
    surface_per_um: float | None = None
    surface_per_voxel: float | None = None
    pore_size_nm: Sizes | None = None
    pore_size_voxels: Sizes | None = None
    throat_size_nm: Sizes | None = None
    throat_size_voxels: Sizes | None = None
    carried: Carried | None = None
    command: Text = None

    def __post_init__(self) -> None:
        for key in (f"pore_size_{self.unit}", f"throat_size_{self.unit}"):
            if getattr(self, key) is None:
                raise ValueError(f"it lacks {key}")


@dataclass(frozen=True)
class Report:
    """Of ``fibsem.report``."""

    page: str
    tables: tuple[str, ...]
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """One row of a sweep's ``trials.json``; hyperparameters and figures stand beside."""

    number: int
    slot: int
    state: str


#: What a report needs of every kind of results.
SHAPES: Mapping[str, type] = {
    "inspection": Inspection,
    "evaluation": Evaluation,
    "sweep": Sweep,
    "promotion": Promotion,
    "segmentation": Segmentation,
    "quantification": Quantification,
}


def of_kind(shapes: Mapping[str, type], record: Any) -> Any:
    """A record itself, if it is whole, or of no kind that has a shape.

    Raises
    ------
    ValueError
        Names the key and the value that cannot be.
    """
    kind = kind_of(record)
    if kind is not None and kind in shapes:
        typed(shapes[kind], record)
    return record


def trial_rows(record: Any, goal: str | None = None) -> list[dict[str, Any]]:
    """The rows of ``trials.json``, if they are whole; complete trials have a figure as goal."""
    for row, trial in zip(record, typed(list[Trial], record), strict=True):
        if goal is not None and trial.state == "complete":
            typed(float, row.get(goal))
    return list(record)
