"""Summary and table of trials of a sweep, as far as they are read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fibsem.system.records import UNLESS_NONE, Figures, Record, typed
from fibsem.system.summaries.budget import BudgetUse
from fibsem.system.summaries.figures import Text


@dataclass(frozen=True)
class Counts:
    """Number of trials of a sweep in each state."""

    complete: int
    pruned: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best trial of a sweep: value of the first objective, hyperparameters, figures and run.

    ``iou_pore_median`` is the median IoU of pore over the validation squares; None in records of
    earlier versions and without ``train.val_all``.
    """

    value: float
    params: Mapping[str, Any] | None = None
    val: Figures
    iou_pore_median: float | None = field(default=None, metadata=UNLESS_NONE)
    seconds_per_gigapixel: float | None = None
    run_id: Text = None

    def __post_init__(self) -> None:
        if self.val.get("miou") is None:
            raise ValueError("best: val.miou is missing")


@dataclass(frozen=True)
class Unbeaten:
    """A trial of the Pareto front: no other trial beats it in all objectives."""

    objectives: tuple[float, ...]
    params: Mapping[str, Any]
    run_id: Text


@dataclass(frozen=True, kw_only=True)
class SweepSummary:
    """Record of ``fibsem.sweep``.

    Attributes
    ----------
    trials, infeasible
        Number of trials by state, and of complete trials that violate ``search.constraints``.
    best
        Best trial by the first objective; None if none is complete and within the constraints.
    pareto
        Pareto front, if there are several objectives.
    plan, budget
        Plan of a budget of time, and its use so far; None without one.
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
    plan: Mapping[str, Any] | None = field(default=None, metadata=UNLESS_NONE)
    budget: BudgetUse | None = field(default=None, metadata=UNLESS_NONE)

    def __post_init__(self) -> None:
        if not self.objectives:
            raise ValueError("`objectives` must name one at least")


@dataclass(frozen=True)
class TrialRow:
    """Fixed keys of a row of ``trials.json``; hyperparameters and figures are further keys."""

    number: int
    slot: int
    state: str
    reason: Text = None


def is_infeasible(state: str, reason: str | None) -> bool:
    """Return whether a trial is complete but violates a constraint: it cannot be the best one.

    >>> is_infeasible("complete", "beyond search.constraints: val/miou is 0.5")
    True
    >>> is_infeasible("complete", ""), is_infeasible("failed", "out of memory")
    (False, False)
    """
    return state == "complete" and bool(reason)


def trial_rows(record: Any, goal: str | None = None) -> list[Record]:
    """Validate and return the rows of ``trials.json``.

    Parameters
    ----------
    record
        Content of the file.
    goal
        Key of a figure that every complete trial must have; None: no such key.

    Raises
    ------
    ValueError
        If a row does not fit; names the keys and values that do not.
    """
    for row, trial in zip(record, typed(list[TrialRow], record), strict=True):
        if goal is not None and trial.state == "complete":
            typed(float, row.get(goal))
    return list(record)
