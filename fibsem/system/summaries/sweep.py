"""Summary and table of trials of a sweep, as far as they are read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from fibsem.system.records import UNLESS_NONE, Figures, Keyed, Record, Stored, typed
from fibsem.system.summaries.budget import BudgetUse
from fibsem.system.summaries.figures import Text


@dataclass(frozen=True)
class Counts:
    """Number of trials of a sweep in each state."""

    complete: int
    pruned: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Best(Keyed):
    """The best trial of a sweep.

    Attributes
    ----------
    value, params, val
        Value of the first objective, hyperparameters, and figures on balanced validation pixels.
    iou_pore_median
        Median IoU of pore over the validation squares; None in records of earlier versions and
        without ``train.val_all``.
    seconds_per_gigapixel, run_id
        Cost of whole films, and run in MLflow.
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

    Examples
    --------
    ```python
    from fibsem.system.records import typed

    swept = typed(SweepSummary, read_json(Path("sweep/summary.json")))
    swept.trials.complete, swept.best.params if swept.best else None
    ```
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
class TrialRow(Stored):
    """Row of ``trials.json``: an attempt of a sweep.

    Attributes
    ----------
    number, slot, state, reason
        The attempt, how it ended, and why it failed or which constraints it violates.
    infeasible
        Whether a complete trial violates a constraint, so that it cannot be the best one; None for
        other trials.
    columns
        Objectives, figures and hyperparameters, by key.

    Examples
    --------
    >>> row = {"number": 0, "slot": 0, "state": "complete", "reason": "", "val/miou": 0.8}
    >>> TrialRow.from_json(row).columns, TrialRow.from_json(row).infeasible
    ({'val/miou': 0.8}, False)
    """

    number: int
    slot: int
    state: str
    reason: Text = None
    infeasible: bool | None = field(default=None, metadata=UNLESS_NONE)
    columns: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> Record:
        """Return the flat row, with the columns behind the fixed keys."""
        record = super().to_json()
        return {**record, **record.pop("columns")}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrialRow:
        """Read a row; of earlier versions, a complete one with a reason is infeasible."""
        fixed = {entry.name for entry in fields(cls)}
        columns = {key: value for key, value in record.items() if key not in fixed}
        row = super().from_json({**record, "columns": columns})
        if row.infeasible is None and row.state == "complete":
            return replace(row, infeasible=bool(row.reason))
        return row


def trial_rows(record: Any, goal: str | None = None) -> list[TrialRow]:
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

    Examples
    --------
    >>> row = {"number": 0, "slot": 0, "state": "complete", "val/miou": 0.79}
    >>> trial_rows([row], goal="val/miou")[0].columns["val/miou"]
    0.79
    """
    rows = [TrialRow.from_json(row) for row in typed(list[Record], record)]
    for row in rows:
        if goal is not None and row.state == "complete":
            typed(float, row.columns.get(goal))
    return rows
