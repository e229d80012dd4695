"""Train a trial's configuration again with a fresh seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from fibsem import models
from fibsem.config import Configuration, Tree
from fibsem.promotion.finished import Finished
from fibsem.promotion.setting import Promotion
from fibsem.promotion.squares import square_mious
from fibsem.promotion.trials import Trial
from fibsem.system.records import Figure, Figures, Record, Stored
from fibsem.tracking import names
from fibsem.training.job import Job
from fibsem.training.material.material import Material
from fibsem.training.results import Epoch
from fibsem.training.run import run_job
from fibsem.training.scoring.objectives import Objective
from fibsem.training.steps.health import DivergedError

#: Name of a repetition's record, and the pattern of all records in the folder of a promotion.
AGAIN, REPEATED = "again", "rank/*/*/again.json"


@dataclass(frozen=True)
class Repetition(Stored):
    """What a repeated training adds to the ranking; ``result.json`` beside it has the whole result.

    Attributes
    ----------
    seed
        Seed of the training.
    diverged
        Reason if the training diverged, else None; with a reason the fields below are empty.
    val, val_all, train_seconds
        Fields of its :class:`~fibsem.training.results.TrialResult`.
    squares, pixels, porosities
        See :class:`~fibsem.promotion.squares.SquareMious`.
    """

    seed: int
    diverged: str | None = None
    val: Figures = field(default_factory=dict)
    train_seconds: float = 0.0
    squares: Mapping[str, Figure] = field(default_factory=dict)
    pixels: str = ""
    porosities: Mapping[str, Figure] = field(default_factory=dict)
    val_all: Figures | None = None

    def figure(self, goal: Objective) -> float | None:
        """Return the value of an objective; None for costs, or if it was not measured."""
        return goal.of_weights({"val": self.val, "val_all": self.val_all})

    def to_json(self) -> Record:
        """Return the record for storage: the reason, or the figures."""
        if self.diverged is not None:
            return {"seed": self.seed, "diverged": self.diverged}
        record = super().to_json()
        del record["diverged"]
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Repetition:
        """Parse a record from :meth:`to_json`: the reason, or every figure."""
        repetition = super().from_json(record)
        optional = {"diverged", "porosities", "val_all"}  # older records lack the last two
        needed = {key.name for key in fields(cls)} - optional
        if repetition.diverged is None and (missing := sorted(needed - record.keys())):
            raise ValueError(f"it lacks {', '.join(missing)}")
        return repetition


def repeated(trained: Tree, tree: Tree, seed: int) -> Configuration:
    """Return the configuration of a trial with the data of a promotion and another seed."""
    common = {key: tree[key] for key in ("data", "tracking", "command")}
    # test squares are scored once, at the end of the promotion
    return Configuration({**trained, **common, "seed": seed}).with_values({"train.test": False})


def repeat(
    promotion: Promotion,
    trial: Trial,
    configuration: Configuration,
    material: Material,
    show: Callable[[Epoch], None],
) -> Repetition:
    """Train a trial again, or read the result that an earlier start has stored.

    Parameters
    ----------
    promotion, trial
        The promotion, and the trial.
    configuration, material
        Configuration of the repetition, from :func:`repeated`, and its data.
    show
        Called with every epoch.
    """
    seed = configuration.run.seed
    folder = _folder(promotion, trial.run_id, seed)
    job = Job(
        configuration=configuration,
        folder=folder,
        name=f"again {trial.name} seed {seed}",
        tags={names.COMMAND: names.RANKING, names.WINNER: trial.run_id, names.SEED: seed},
        parent=promotion.parent,
    )

    def make() -> Repetition:
        try:
            result, _ = run_job(job, material, promotion.tracking, show)
        except DivergedError as error:
            return Repetition(seed, str(error))
        mious = square_mious(material, models.load(material.config.spec, folder))
        return Repetition(
            seed, None, result.val, result.train_seconds, mious.squares, mious.pixels,
            mious.porosities, result.val_all,
        )  # fmt: skip

    return Finished(folder, promotion.dataset).once(AGAIN, Repetition, make)


def is_repeated(promotion: Promotion, run_id: str, seed: int) -> bool:
    """Whether an earlier start has repeated the trial of a run with a seed."""
    return Finished(_folder(promotion, run_id, seed), promotion.dataset).done(AGAIN)


def _folder(promotion: Promotion, run_id: str, seed: int) -> Path:
    return promotion.folder / "rank" / run_id[:8] / f"seed-{seed}"
