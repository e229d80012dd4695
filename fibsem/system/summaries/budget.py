"""Used share of a budget in the summary of a command."""

from __future__ import annotations

from dataclasses import dataclass, field

from fibsem.system.records import UNLESS_NONE


@dataclass(frozen=True)
class CutOff:
    """Number of trainings that a hard budget did not begin, and that it ended early.

    ``not_repeated`` counts the trainings that a promotion skipped in ranking its trials.
    """

    not_begun: int
    ended_early: int
    not_repeated: int = 0


@dataclass(frozen=True)
class BudgetUse:
    """Given and used seconds of a budget, and what was cut off if it is a hard one."""

    given_s: float
    used_s: float
    cut: CutOff | None = field(default=None, metadata=UNLESS_NONE)
