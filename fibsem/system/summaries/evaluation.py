"""What is read again of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.system.summaries.figures import Certain, Scored, Spread, Text


@dataclass(frozen=True)
class Balanced:
    """Figures on balanced pixels."""

    miou: Certain
    accuracy: Spread
    loss: Spread


@dataclass(frozen=True)
class Squares:
    """Figures on all labelled pixels."""

    miou: Certain
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
    parameters: Certain
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
