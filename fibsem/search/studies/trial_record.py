"""What a study stores of the result of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from fibsem.system.records import Figures, Record, Stored
from fibsem.training.results import TrialResult

#: Fields that are stored as null for a finished training.
NULLABLE = ("run_id", "val_all", "cost", "restart")
#: Values that are not stored, by field; of all other fields it is None.
EMPTY: Record = {"beyond": {}, "reason": "", "diverged": False}


@dataclass(frozen=True)
class TrialRecord(Stored):
    """Part of the :class:`~fibsem.training.results.TrialResult` of an attempt, in its study.

    Attributes
    ----------
    run_id, epochs
        The only fields of a training that was pruned or diverged.
    val, val_all, cost, train_seconds, parameters, restart
        Fields of the result of a finished training.
    whole_epochs
        Number of epochs that no time limit cut, with those that diverged whole; None if these are
        the `epochs`.
    beyond
        Excess over each bound of ``search.constraints``, negative within it.
    reason
        Bounds that are exceeded, or why the training diverged.
    diverged
        Whether the training diverged.

    Examples
    --------
    >>> TrialRecord(run_id="7f3a", epochs=4, reason="the loss is not finite", diverged=True).epochs
    4
    """

    run_id: str | None = None
    val: Figures | None = None
    val_all: Figures | None = None
    cost: Figures | None = None
    epochs: int | None = None
    train_seconds: float | None = None
    parameters: int | None = None
    restart: int | None = None
    whole_epochs: int | None = None
    beyond: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    diverged: bool = False

    @classmethod
    def of(cls, result: TrialResult, beyond: Mapping[str, float], reason: str) -> TrialRecord:
        """Return the record of a finished training."""
        whole_epochs = result.whole_epochs if result.whole_epochs != result.epochs else None
        return cls(
            result.run_id, result.val, result.val_all, result.cost, result.epochs,
            result.train_seconds, result.parameters, result.restart, whole_epochs, beyond, reason,
        )  # fmt: skip

    @property
    def uncut_epochs(self) -> int:
        """Number of epochs that no time limit cut, with those that diverged whole."""
        return (self.epochs if self.whole_epochs is None else self.whole_epochs) or 0

    @property
    def infeasible(self) -> bool:
        """Whether the result exceeds a bound of ``search.constraints``."""
        return any(excess > 0 for excess in self.beyond.values())

    def to_json(self) -> Record:
        """Return the record in the storage, without empty fields."""
        nullable = () if self.val is None else NULLABLE
        values = ((entry.name, getattr(self, entry.name)) for entry in fields(self))
        return {key: value for key, value in values if key in nullable or value != EMPTY.get(key)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrialRecord:
        """Read a record of :meth:`to_json`, of this or an earlier version.

        Only the reason of a training that diverged tells it from a pruned one in earlier versions.
        """
        diverged = bool(record.get("reason")) and "val" not in record
        return super().from_json({"diverged": diverged, **record})
