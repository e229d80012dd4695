"""What is read again of a sweep and of its table of trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fibsem.system.records import Figures, Record, typed
from fibsem.system.summaries.figures import Text


@dataclass(frozen=True)
class Counts:
    """Trials of a sweep, by what became of them."""

    complete: int
    pruned: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best trial of a sweep: its first objective, and what else is known of it."""

    value: float
    params: Mapping[str, Any] | None = None
    val: Figures
    seconds_per_gigapixel: float | None = None
    run_id: Text = None

    def __post_init__(self) -> None:
        if self.val.get("miou") is None:
            raise ValueError("best: val.miou is missing")


@dataclass(frozen=True)
class Unbeaten:
    """A trial that no other one beats in all objectives."""

    objectives: tuple[float, ...]
    params: Mapping[str, Any]
    run_id: Text


@dataclass(frozen=True, kw_only=True)
class SweepSummary:
    """Record of ``fibsem.sweep``.

    Attributes
    ----------
    trials, infeasible
        How many came to what; of the complete ones, how many are beyond ``search.constraints``.
    best
        By the first objective; None where none is complete.
    pareto
        Of several objectives, the trials that no other one beats.
    """

    dataset: Text = None
    data: Text = None
    command: Text = None
    study: str
    trials: Counts
    best: Best | None
    objectives: tuple[str, ...]
    pareto: tuple[Unbeaten, ...] | None = None
    infeasible: int = 0
    parent_run_id: Text
    seconds: float

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("`objectives` must name one at least")


@dataclass(frozen=True)
class TrialRow:
    """One row of a sweep's ``trials.json``; hyperparameters and figures stand beside."""

    number: int
    slot: int
    state: str
    reason: Text = None


def is_infeasible(state: str, reason: str | None) -> bool:
    """Whether a trial is complete, and beyond a bound: it counts, and is never the best one.

    >>> is_infeasible("complete", "beyond search.constraints: val/miou is 0.5")
    True
    >>> is_infeasible("complete", ""), is_infeasible("failed", "out of memory")
    (False, False)
    """
    return state == "complete" and bool(reason)


def trial_rows(record: Any, goal: str | None = None) -> list[Record]:
    """The rows of ``trials.json``, if they are whole; complete trials have a figure as goal."""
    for row, trial in zip(record, typed(list[TrialRow], record), strict=True):
        if goal is not None and trial.state == "complete":
            typed(float, row.get(goal))
    return list(record)
