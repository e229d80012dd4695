"""The time that is left to the trainings of a promotion with a hard budget.

Trainings have their planned steps as long as there is time for them. If repetitions of trials take
longer than planned, there are fewer seeds, and then the final trainings are cut off earlier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fibsem.training.planning.plan import Plan


@dataclass(frozen=True)
class TimeLeft:
    """The time of a promotion, and how it is used.

    Attributes
    ----------
    plan
        Plan of a hard budget; None: no limit.
    worked
        Measures the seconds that all starts of the command have worked.
    """

    plan: Plan | None = None
    worked: Callable[[], float] = float

    def repeats(self, rounds: int) -> bool:
        """Whether there is time to repeat all trials with one more seed, of some planned rounds.

        The time of final trainings and scores is reserved; a round begins if at least half of its
        planned time is left beside that.
        """
        if self.plan is None:
            return True
        needed_s = self.plan.seconds + self.plan.scoring_s + 0.5 * self.plan.ranking_s / rounds
        return self.plan.budget_s - self.worked() >= needed_s

    def limit_s(self, finished: int) -> float | None:
        """Seconds for each final training that is still to come; None without a limit."""
        if self.plan is None:
            return None
        left_s = self.plan.budget_s - self.worked() - self.plan.scoring_s
        return max(1.0, left_s / max(1, self.plan.trials - finished) - self.plan.once_s)
