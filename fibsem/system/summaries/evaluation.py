"""What is read again of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fibsem.system.summaries.figures import Certain, OverSeeds, Shape, Text, WithMiou

Split = Literal["train", "val", "test"]
#: On all labelled pixels: at threshold 0.5, and at the one that validation chose.
Group = Literal["all", "chosen"]


@dataclass(frozen=True)
class Balanced:
    """Figures on balanced pixels."""

    miou: Certain
    accuracy: OverSeeds
    loss: OverSeeds


@dataclass(frozen=True)
class SquareFigures:
    """Figures on all labelled pixels; the porosity with the ends of its 95 % interval."""

    miou: Certain
    accuracy: OverSeeds
    porosity: OverSeeds
    label_porosity: OverSeeds
    iou_pore: OverSeeds | None = None
    iou_pore_median: OverSeeds | None = None
    porosity_low: OverSeeds | None = None
    porosity_high: OverSeeds | None = None


@dataclass(frozen=True)
class Truth:
    """Figures against the exact truth of a phantom."""

    miou: OverSeeds


@dataclass(frozen=True)
class Run:
    """One seed of an evaluation."""

    seed: int
    val: WithMiou
    threshold: float | None = None


@dataclass(frozen=True)
class EvaluationSummary:
    """Record of ``fibsem.evaluate``."""

    model: str
    nbhd: str
    train: Balanced
    val: Balanced
    test: Balanced
    epochs: OverSeeds
    train_seconds: OverSeeds
    parameters: Certain
    seconds_per_gigapixel: OverSeeds
    groups: tuple[str, ...]
    samples: dict[str, dict[str, SquareFigures]]
    runs: tuple[Run, ...]
    train_all: SquareFigures | None = None
    train_chosen: SquareFigures | None = None
    val_all: SquareFigures | None = None
    val_chosen: SquareFigures | None = None
    test_all: SquareFigures | None = None
    test_chosen: SquareFigures | None = None
    test_truth: Truth | None = None
    loss: str = "bce"
    dataset: Text = None
    data: Text = None
    run_id: Text = None
    command: Text = None

    @property
    def sides(self) -> Shape:
        """The neighbourhood, (n_x, n_y, n_z)."""
        x, y, z = map(int, self.nbhd.split("x"))
        return x, y, z

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of its runs."""
        return tuple(run.seed for run in self.runs)

    def labelled(self, split: Split, group: Group) -> SquareFigures | None:
        """Figures on all labelled pixels of a split; None where they were not scored."""
        figures: SquareFigures | None = getattr(self, f"{split}_{group}")
        return figures

    def balanced(self, split: Split) -> Balanced:
        """Figures on the balanced pixels of a split."""
        figures: Balanced = getattr(self, split)
        return figures

    def __post_init__(self) -> None:
        if len(sides := self.nbhd.split("x")) != 3 or not all(map(str.isdigit, sides)):
            raise ValueError(f"`nbhd` must be three whole numbers, but got {self.nbhd}")
