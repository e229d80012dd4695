"""Outcomes of attempts, the same for every backend, for tables, reports and MLflow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fibsem.search.space.space import Values
from fibsem.search.studies.slots import Attempt, Cause, State
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.system import metric_names
from fibsem.system.summaries.sweep import Best, TrialRow
from fibsem.training.scoring.objectives import Objective

#: Column of ``trials.json``: epochs after which a training was restarted with a tenth of its
#: learning rate, since the rate in its hyperparameters was too large.
RESTARTED = "begun_again_after_epoch"


@dataclass(frozen=True)
class Outcome:
    """An attempt, and its results so far.

    Attributes
    ----------
    attempt
        The attempt.
    reason
        Why it failed, or which bounds of the search it exceeds; else empty.
    objectives
        Values of a complete trial, in the order of ``search.objectives``.
    record
        Stored part of its :class:`~fibsem.training.results.TrialResult`.
    started, ended
        Times in seconds since 1970, or None.
    """

    attempt: Attempt
    reason: str = ""
    objectives: tuple[float, ...] | None = None
    record: TrialRecord = field(default_factory=TrialRecord)
    started: float | None = None
    ended: float | None = None

    @property
    def number(self) -> int:
        """Number of the attempt in the study."""
        return self.attempt.number

    @property
    def slot(self) -> int:
        """Slot that the attempt belongs to."""
        return self.attempt.slot

    @property
    def state(self) -> State:
        """State of the attempt."""
        return self.attempt.state

    @property
    def cause(self) -> Cause | None:
        """Cause of a failure, or None."""
        return self.attempt.cause

    @property
    def values(self) -> Values:
        """Hyperparameters of the attempt."""
        return self.attempt.values

    @property
    def run_id(self) -> str | None:
        """Id of the attempt's run in MLflow, or None if it has none."""
        return self.record.run_id

    @property
    def val(self) -> dict[str, float]:
        """Figures on the balanced validation pixels."""
        return dict(self.record.val or {})

    @property
    def figures(self) -> dict[str, float]:
        """Validation loss, mIoU and median pore IoU of a complete trial, by MLflow name."""
        val_all = self.record.val_all or {}
        named = {
            metric_names.VAL_LOSS: self.val.get("loss"),
            metric_names.VAL_MIOU: self.val.get("miou"),
            metric_names.VAL_ALL_MIOU: val_all.get("miou"),
            metric_names.VAL_ALL_MEDIAN: val_all.get("iou_pore_median"),
        }
        return {key: value for key, value in named.items() if self.complete and value is not None}

    @property
    def restarted(self) -> dict[str, int]:
        """Column ``begun_again_after_epoch`` if the training was restarted, else empty."""
        epochs = self.record.restart
        return {} if epochs is None else {RESTARTED: epochs}

    @property
    def seconds_per_gigapixel(self) -> float | None:
        """Cost of the network in seconds per gigapixel, or None if it was not measured."""
        return (self.record.cost or {}).get("seconds_per_gigapixel")

    @property
    def complete(self) -> bool:
        """Whether the attempt is a complete trial."""
        return self.state == "complete"

    @property
    def diverged(self) -> bool:
        """Whether the training diverged, which fills the slot without a result."""
        return self.state == "pruned" and self.record.diverged

    @property
    def infeasible(self) -> bool:
        """Whether the attempt is complete but exceeds a bound of ``search.constraints``."""
        return self.complete and self.record.infeasible

    def row(self, goals: Iterable[Objective]) -> TrialRow:
        """Return the row of this attempt in ``trials.json``, with its objectives."""
        infeasible = self.infeasible if self.complete else None
        columns = dict(zip((goal.key for goal in goals), self.objectives or (), strict=False))
        columns |= {**self.figures, **self.values, **self.restarted}
        return TrialRow(self.number, self.slot, self.state, self.reason, infeasible, columns)

    def as_best(self) -> Best:
        """Return the record of this trial as the best one of a sweep."""
        return Best(
            value=self.first(),
            params=self.values,
            val=self.val,
            iou_pore_median=self.figures.get(metric_names.VAL_ALL_MEDIAN),
            seconds_per_gigapixel=self.seconds_per_gigapixel,
            run_id=self.run_id,
        )

    def first(self) -> float:
        """Return the first objective of a complete trial."""
        assert self.objectives is not None
        return self.objectives[0]


def best_first(outcomes: Iterable[Outcome], goal: Objective) -> list[Outcome]:
    """Sort complete trials by an objective; trials beyond ``search.constraints`` come last."""
    complete = [trial for trial in outcomes if trial.complete]
    return sorted(complete, key=lambda trial: (trial.infeasible, goal.cost(trial.first())))
