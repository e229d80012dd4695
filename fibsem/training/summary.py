"""Summary of a training alone: its result, its time and its budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fibsem.system.records import UNLESS_NONE, Record
from fibsem.system.summaries.budget import BudgetUse
from fibsem.training.results import TrialResult


@dataclass(frozen=True, kw_only=True)
class TrainingSummary(TrialResult):
    """Record of ``fibsem.train``: the result of the training, and seconds of all starts.

    ``plan`` and ``budget`` are a plan of a budget of time, and its use; None without one.
    """

    seconds: float
    plan: Mapping[str, Any] | None = field(default=None, metadata=UNLESS_NONE)
    budget: BudgetUse | None = field(default=None, metadata=UNLESS_NONE)

    def to_json(self) -> Record:
        """Return the record of ``summary.json``, which begins with that of ``result.json``."""
        record = super().to_json()
        last_keys = ("seconds", "plan", "budget")
        last = {key: value for key, value in record.items() if key in last_keys}
        return {key: value for key, value in record.items() if key not in last_keys} | last
