"""Summary of an evaluation, as far as it is read again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from fibsem.system.records import UNLESS_NONE, Figures
from fibsem.system.summaries.budget import BudgetUse
from fibsem.system.summaries.figures import Shape, Spread, Text

Split = Literal["train", "val", "test"]
#: Figures on all labelled pixels: at threshold 0.5, or at the threshold chosen on validation.
Group = Literal["all", "chosen"]


@dataclass(frozen=True)
class Balanced:
    """Figures on balanced pixels, with standard errors where there are any."""

    miou: Spread
    accuracy: Spread
    loss: Spread
    miou_se: Spread | None = field(default=None, metadata=UNLESS_NONE)
    loss_se: Spread | None = field(default=None, metadata=UNLESS_NONE)


@dataclass(frozen=True, kw_only=True)
class SquareFigures:
    """Figures on all labelled pixels; for a single sample with the ends of its 95 % interval."""

    miou: Spread
    accuracy: Spread
    iou_pore: Spread | None = field(default=None, metadata=UNLESS_NONE)
    iou_solid: Spread | None = field(default=None, metadata=UNLESS_NONE)
    porosity: Spread
    label_porosity: Spread
    iou_pore_median: Spread | None = field(default=None, metadata=UNLESS_NONE)
    loss: Spread | None = field(default=None, metadata=UNLESS_NONE)
    porosity_low: Spread | None = field(default=None, metadata=UNLESS_NONE)
    porosity_high: Spread | None = field(default=None, metadata=UNLESS_NONE)


@dataclass(frozen=True)
class Run:
    """Run of one seed of an evaluation, with its figures on the balanced pixels of each split."""

    seed: int
    run_id: str
    epochs: int
    train_seconds: float
    parameters: int
    threshold: float | None
    seconds_per_gigapixel: float
    train: Figures
    val: Figures
    test: Figures


@dataclass(frozen=True, kw_only=True)
class EvaluationSummary:
    """Record of ``fibsem.evaluate``.

    Attributes
    ----------
    test_squares_learned
        Number of test squares that the initial model or the teacher was trained on; None if
        unknown.
    train, val, test
        Figures on balanced pixels, at threshold 0.5.
    train_all, val_all, test_all
        Figures on all labelled pixels, at threshold 0.5; ``_chosen`` at the threshold chosen on
        validation, and ``_truth`` the same against the exact truth. Each if all seeds have it.
    groups
        Names of the groups of figures that are present.
    samples
        Figures ``<split>_all`` and ``<split>_chosen`` of each sample.
    plan, budget
        Plan of a budget of time, and its use; None without one.

    Examples
    --------
    ```python
    from fibsem.system.records import typed

    record = read_json(Path("evaluation/summary.json"))
    evaluated = typed(EvaluationSummary, record)
    evaluated.seeds, evaluated.balanced("test").miou.mean
    ```
    """

    model: str
    nbhd: str
    padding: Text = None
    loss: str = "bce"
    dataset: Text = None
    data: Text = None
    run_id: Text = None
    test_squares_learned: int | None = None
    train: Balanced
    val: Balanced
    test: Balanced
    train_all: SquareFigures | None = field(default=None, metadata=UNLESS_NONE)
    train_chosen: SquareFigures | None = field(default=None, metadata=UNLESS_NONE)
    train_truth: SquareFigures | None = field(default=None, metadata=UNLESS_NONE)
    val_all: SquareFigures | None = field(default=None, metadata=UNLESS_NONE)
    val_chosen: SquareFigures | None = field(default=None, metadata=UNLESS_NONE)
    val_truth: SquareFigures | None = field(default=None, metadata=UNLESS_NONE)
    test_all: SquareFigures | None = field(default=None, metadata=UNLESS_NONE)
    test_chosen: SquareFigures | None = field(default=None, metadata=UNLESS_NONE)
    test_truth: SquareFigures | None = field(default=None, metadata=UNLESS_NONE)
    epochs: Spread
    train_seconds: Spread
    parameters: Spread
    threshold: Spread | None = field(default=None, metadata=UNLESS_NONE)
    seconds_per_gigapixel: Spread
    groups: tuple[str, ...]
    samples: dict[str, dict[str, SquareFigures]]
    runs: tuple[Run, ...]
    command: Text = None
    seconds: float | None = field(default=None, metadata=UNLESS_NONE)
    plan: Mapping[str, Any] | None = field(default=None, metadata=UNLESS_NONE)
    budget: BudgetUse | None = field(default=None, metadata=UNLESS_NONE)

    @property
    def sides(self) -> Shape:
        """Sides of the neighbourhood, (n_x, n_y, n_z)."""
        x, y, z = map(int, self.nbhd.split("x"))
        return x, y, z

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs."""
        return tuple(run.seed for run in self.runs)

    def labelled(self, split: Split, group: Group) -> SquareFigures | None:
        """Return the figures on all labelled pixels of a split, or None if they were not scored."""
        figures: SquareFigures | None = getattr(self, f"{split}_{group}")
        return figures

    def balanced(self, split: Split) -> Balanced:
        """Return the figures on the balanced pixels of a split."""
        figures: Balanced = getattr(self, split)
        return figures

    def spreads(self, group: str) -> dict[str, Spread]:
        """Return the figures of one of the ``groups`` that are not missing, by name."""
        figures = getattr(self, group)
        named = ((entry.name, getattr(figures, entry.name)) for entry in fields(figures))
        return {name: spread for name, spread in named if spread is not None}

    def __post_init__(self) -> None:
        if len(sides := self.nbhd.split("x")) != 3 or not all(map(str.isdigit, sides)):
            raise ValueError(f"`nbhd` must be three whole numbers, but got {self.nbhd}")
        for key, spread in {"val.miou": self.val.miou, "parameters": self.parameters}.items():
            if math.isnan(spread.mean):
                raise ValueError(f"`{key}.mean` must be a number, but got null")
        if not self.runs:
            raise ValueError("`runs` must not be empty")
        for split in ("train", "val", "test"):
            miou = self.balanced(split).miou.mean
            if miou < 0 or miou > 1:
                raise ValueError(f"`{split}.miou.mean` must be from 0 to 1, but got {miou}")
