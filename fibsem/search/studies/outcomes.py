"""What came of an attempt, as tables, reports and MLflow tell it; every backend gives the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fibsem.search.space.space import Values
from fibsem.search.studies.slots import Attempt, Cause, State, TrialRecord
from fibsem.system.summaries.sweep import Best, is_infeasible
from fibsem.tracking import names
from fibsem.training.scoring.objectives import Objective

#: Column of a trial whose learning rate was too large, which its hyperparameters name.
RESTARTED = "begun_again_after_epoch"


@dataclass(frozen=True)
class Outcome:
    """An attempt and what came of it so far.

    Attributes
    ----------
    attempt
        Which.
    reason
        Why it failed, or that it is beyond a bound of the search; else empty.
    objectives
        Of a complete trial, in the order of ``search.objectives``.
    record
        What a study keeps of a :class:`~fibsem.training.results.TrialResult`, with its keys.
    started, ended
        Seconds since 1970.
    """

    attempt: Attempt
    reason: str = ""
    objectives: tuple[float, ...] | None = None
    record: TrialRecord = field(default_factory=lambda: TrialRecord())
    started: float | None = None
    ended: float | None = None

    @property
    def number(self) -> int:
        return self.attempt.number

    @property
    def slot(self) -> int:
        return self.attempt.slot

    @property
    def state(self) -> State:
        return self.attempt.state

    @property
    def cause(self) -> Cause | None:
        return self.attempt.cause

    @property
    def values(self) -> Values:
        return self.attempt.values

    @property
    def run_id(self) -> str | None:
        """Id of the run in MLflow, where it came so far."""
        return self.record.get("run_id")

    @property
    def val(self) -> dict[str, float]:
        """Figures on the balanced validation pixels."""
        return dict(self.record.get("val", {}))

    @property
    def figures(self) -> dict[str, float]:
        """Loss and overlaps of a complete one, whatever its goals, by their names in MLflow."""
        val_all = self.record.get("val_all") or {}
        named = {
            names.VAL_LOSS: self.val.get("loss"),
            names.VAL_MIOU: self.val.get("miou"),
            names.VAL_ALL_MIOU: val_all.get("miou"),
            names.VAL_ALL_MEDIAN: val_all.get("iou_pore_median"),
        }
        return {key: value for key, value in named.items() if self.complete and value is not None}

    @property
    def restarted(self) -> dict[str, int]:
        """Epochs after which it was begun again at a tenth of its learning rate, if it was."""
        epochs = self.record.get("restart")
        return {} if epochs is None else {RESTARTED: epochs}

    @property
    def seconds_per_gigapixel(self) -> float | None:
        """Seconds per gigapixel of the network; None where nobody has measured it."""
        return (self.record.get("cost") or {}).get("seconds_per_gigapixel")

    @property
    def complete(self) -> bool:
        """Whether the attempt has its objectives."""
        return self.state == "complete"

    @property
    def diverged(self) -> bool:
        """Whether the attempt fills its slot without a result."""
        return self.state == "pruned" and bool(self.reason)

    @property
    def infeasible(self) -> bool:
        """Whether the attempt is complete, and beyond a bound of ``search.constraints``."""
        return is_infeasible(self.state, self.reason)

    def as_best(self) -> Best:
        """What is told of it where it is the best one."""
        return Best(
            value=self.first(),
            params=self.values,
            val=self.val,
            seconds_per_gigapixel=self.seconds_per_gigapixel,
            run_id=self.run_id,
        )

    def first(self) -> float:
        """The first objective of a complete trial."""
        assert self.objectives is not None
        return self.objectives[0]


def best_first(outcomes: Iterable[Outcome], goal: Objective) -> list[Outcome]:
    """Complete trials by an objective; those beyond a bound of the search are behind all others."""
    complete = [one for one in outcomes if one.complete]
    return sorted(complete, key=lambda one: (one.infeasible, goal.cost(one.first())))
