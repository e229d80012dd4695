"""Time left for the trainings of a promotion with a hard budget.

Trainings run their planned steps if there is time. If repetitions of trials take longer than
planned, fewer seeds are used, and then the final trainings are cut off earlier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fibsem.training.planning.left import left_for_each
from fibsem.training.planning.plan import Plan


@dataclass(frozen=True)
class TimeLeft:
    """Time limits of the trainings of a promotion.

    Attributes
    ----------
    plan
        Plan of a hard budget, or None without a limit.
    worked
        Returns the seconds that all starts of the command have worked.
    """

    plan: Plan | None = None
    worked: Callable[[], float] = float

    def repeats(self, rounds: int) -> bool:
        """Whether there is time to repeat all trials with one more of ``rounds`` planned seeds.

        The time of final trainings and scores is reserved; a round begins if at least half of its
        planned time is left in addition.
        """
        if self.plan is None:
            return True
        needed_s = self.plan.seconds + self.plan.scoring_s + 0.5 * self.plan.ranking_s / rounds
        return self.plan.budget_s - self.worked() >= needed_s

    def limit_s(self, finished: int) -> float | None:
        """Return the seconds for each remaining final training, or None without a limit."""
        if self.plan is None:
            return None
        return left_for_each(self.plan, self.worked(), finished)
