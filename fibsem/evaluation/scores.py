"""Scores of one seed of an evaluation, on all splits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fibsem.analysis.metrics import Confusion
from fibsem.analysis.postprocessing import (
    THRESHOLDS,
    PostProcessing,
    search,
)
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import SPLITS, Split
from fibsem.data.preprocessing import evenly_spaced
from fibsem.errors import UserError
from fibsem.evaluation.folder import scores_of
from fibsem.inference.model.cost import seconds_per_gigapixel
from fibsem.inference.model.predict import BlockScorer
from fibsem.models import Model
from fibsem.system.files import read_json
from fibsem.system.records import Record, WrittenAs, typed
from fibsem.training.material.material import Material
from fibsem.training.results import Epoch, TrialResult
from fibsem.training.scoring.estimating import estimate
from fibsem.training.scoring.scoring import scored_squares
from fibsem.training.scoring.spilling import spilled
from fibsem.training.scoring.squares import SquareCounts, square_counts

#: Advice if the scores of a seed are lost or damaged.
AGAIN = "the same fibsem.evaluate scores that seed again"


@dataclass(frozen=True)
class BalancedScores:
    """Scores of a model on the fixed balanced sample of a split.

    Attributes
    ----------
    figures
        MIoU, accuracy, loss and other metrics of these pixels.
    confusion
        Confusion matrix of these pixels.
    """

    figures: dict[str, float]
    confusion: Confusion

    @classmethod
    def of(cls, material: Material, model: Model, split: Split) -> BalancedScores:
        """Score a trained model on a split."""
        scored = estimate(material, model, split)
        return cls(scored.balanced, scored.confusion)

    def to_json(self) -> Record:
        """Return figures and confusion matrix as one mapping, for storage."""
        return {**self.figures, "confusion": self.confusion.counts}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> BalancedScores:
        """Parse a record from :meth:`to_json`."""
        figures = {key: value for key, value in record.items() if key != "confusion"}
        return cls(figures, typed(Confusion, {"counts": record.get("confusion")}))


#: Balanced scores, as they are stored in a record.
WrittenBalanced = Annotated[BalancedScores, WrittenAs(Record, BalancedScores.from_json)]


@dataclass(frozen=True)
class ModelScores:
    """All scores of one trained model.

    Attributes
    ----------
    balanced
        Scores on the fixed balanced sample, by split.
    threshold
        The threshold that is best on the labelled validation pixels.
    squares
        Confusion matrices of every labelled square.
    seconds_per_gigapixel
        Cost of the model alone, from a timed block.
    """

    balanced: Mapping[str, WrittenBalanced]
    threshold: float
    squares: tuple[SquareCounts, ...]
    seconds_per_gigapixel: float


@dataclass(frozen=True)
class SeedScores:
    """Training and scores of one seed, the contents of ``scores.json``."""

    seed: int
    run_id: str
    epochs: int
    train_seconds: float
    parameters: int
    history: tuple[Epoch, ...]
    scores: ModelScores

    @classmethod
    def of(cls, seed: int, result: TrialResult, scores: ModelScores) -> SeedScores:
        """Join the result of a training with the scores of its model."""
        return cls(
            seed, result.run_id, result.epochs, result.train_seconds, result.parameters,
            result.history, scores,
        )  # fmt: skip

    @property
    def figures(self) -> dict[str, float]:
        """Figures that do not belong to a split."""
        return {
            "epochs": self.epochs,
            "train_seconds": self.train_seconds,
            "parameters": self.parameters,
            "threshold": self.scores.threshold,
            "seconds_per_gigapixel": self.scores.seconds_per_gigapixel,
        }

    def to_json(self) -> Record:
        """Return the record for ``scores.json``."""
        return {
            "seed": self.seed,
            "run_id": self.run_id,
            **self.figures,
            "balanced": {
                split: estimate.to_json() for split, estimate in self.scores.balanced.items()
            },
            "squares": [square.to_json() for square in self.scores.squares],
            "history": [asdict(epoch) for epoch in self.history],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> SeedScores:
        """Parse a record from :meth:`to_json`."""
        return typed(cls, {**typed(Record, record), "scores": record})


def score_model(material: Material, model: Model, patch_limit: int, folder: Path) -> ModelScores:
    """Score a trained model on every split; scores for the threshold search go to ``folder``.

    In patch mode the squares of splits with more than ``patch_limit`` pixels are not scored, which
    is printed; if these are validation squares, the threshold is chosen on a subset of them.
    """
    scorer = BlockScorer(material.config.spec, model)
    splits = [s for s in SPLITS if scorer.mode != "patch" or pixels_of(material, s) <= patch_limit]
    searched = searched_squares(material, patch_limit if scorer.mode == "patch" else math.inf)
    validation = spilled(scored_squares(material, scorer, "val", regions=searched), folder)
    if left := [split for split in SPLITS if split not in splits]:
        print(
            f"patch by patch, squares of {', '.join(left)} are not scored pixel by pixel: they "
            f"have more than evaluation.patch_limit={patch_limit} pixels"
        )
    chosen = PostProcessing()
    if all(any((square.labels == value).any() for _, square in validation) for value in (0, 1)):
        chosen, _ = search([square for _, square in validation], THRESHOLDS)
    elif validation:
        print(f"validation squares hold one class alone: the threshold is {chosen.threshold:g}")
    counted = validation if "val" in splits else []
    squares = [square_counts(region, square, chosen) for region, square in counted]
    for split in splits:
        if split != "val":
            scored = scored_squares(material, scorer, split)
            squares += [square_counts(region, square, chosen) for region, square in scored]
    return ModelScores(
        {split: BalancedScores.of(material, model, split) for split in SPLITS},
        chosen.threshold,
        tuple(squares),
        seconds_per_gigapixel(scorer),
    )


def searched_squares(material: Material, limit: float) -> list[Region]:
    """Select validation squares for the threshold search, spread over all samples and slices.

    They have at most ``limit`` pixels in total, but at least one square is selected if any exists.
    """
    every = list(material.dataset.regions("val"))
    for count in range(len(every), 1, -1):
        regions = [every[k] for k in evenly_spaced(len(every), count)]
        if sum(region.box.size for region in regions) <= limit:
            return regions
    return every[:1]


def pixels_of(material: Material, split: Split) -> int:
    """Count the pixels of the labelled squares of a split."""
    return sum(region.box.size for region in material.dataset.regions(split))


def read_seeds(folder: Path, seeds: Iterable[int]) -> Iterator[SeedScores]:
    """Yield the scores of the given seeds of an evaluation, in order.

    The folder may hold scores of further seeds, from an earlier start with more of them.

    Raises
    ------
    UserError
        If the scores of a seed are missing or damaged.
    """
    for seed in seeds:
        path = scores_of(folder, seed)
        if not path.is_file():
            raise UserError(
                f"an evaluation must have the scores of its seeds, but {folder} has no "
                f"seed-{seed}/scores.json; {AGAIN}."
            )
        yield read_json(path, partial(_of_seed, seed), remedy=f"remove it, and {AGAIN}")


def _of_seed(seed: int, record: Mapping[str, Any]) -> SeedScores:
    """Parse the scores of a seed; ``ValueError`` if they are of another one."""
    scores = SeedScores.from_json(record)
    if scores.seed != seed:
        raise ValueError(f"seed: must be {seed}, but got {scores.seed}")
    return scores
