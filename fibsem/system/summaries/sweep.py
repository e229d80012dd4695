"""What is read again of a sweep and of its table of trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fibsem.system.records import typed
from fibsem.system.summaries.figures import Text, WithMiou


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
    val: WithMiou
    params: dict[str, Any] | None = None
    run_id: Text = None


@dataclass(frozen=True)
class SweepSummary:
    """Record of ``fibsem.sweep``."""

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


def trial_rows(record: Any, goal: str | None = None) -> list[dict[str, Any]]:
    """The rows of ``trials.json``, if they are whole; complete trials have a figure as goal."""
    for row, trial in zip(record, typed(list[TrialRow], record), strict=True):
        if goal is not None and trial.state == "complete":
            typed(float, row.get(goal))
    return list(record)
