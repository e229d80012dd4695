"""What is read again of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.system.summaries.figures import Certain, OverSeeds, Text, WithMiou


@dataclass(frozen=True)
class Balanced:
    """Figures on balanced pixels."""

    miou: Certain
    accuracy: OverSeeds
    loss: OverSeeds


@dataclass(frozen=True)
class SquareFigures:
    """Figures on all labelled pixels."""

    miou: Certain
    accuracy: OverSeeds
    porosity: OverSeeds
    label_porosity: OverSeeds
    iou_pore: OverSeeds | None = None
    iou_pore_median: OverSeeds | None = None


@dataclass(frozen=True)
class Truth:
    """Figures against the exact truth of a phantom."""

    miou: OverSeeds


@dataclass(frozen=True)
class Run:
    """One seed of an evaluation."""

    seed: int
    val: WithMiou


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

    def __post_init__(self) -> None:
        if len(sides := self.nbhd.split("x")) != 3 or not all(map(str.isdigit, sides)):
            raise ValueError(f"`nbhd` must be three whole numbers, but got {self.nbhd}")
