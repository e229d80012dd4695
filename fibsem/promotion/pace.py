"""The time of a promotion with a hard budget: what a slow machine has left for its trainings.

The plan's steps stay as long as there is time for them. Where trials that are run again take longer
than planned, it is their seeds that are fewer, and then the final trainings that are shorter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fibsem.training.planning.plan import Plan


@dataclass(frozen=True)
class TimeLeft:
    """What a promotion has of time.

    Attributes
    ----------
    plan
        Of a hard budget; without one nothing is limited.
    worked
        Tells the seconds that all starts have worked so far.
    """

    plan: Plan | None = None
    worked: Callable[[], float] = float

    def repeats(self, rounds: int) -> bool:
        """Whether all trials are run again once more, of so many planned times.

        Final trainings and scores have what is left; it is begun where less than half of it is
        theirs.
        """
        if self.plan is None:
            return True
        needed_s = self.plan.seconds + self.plan.scoring_s + 0.5 * self.plan.ranking_s / rounds
        return self.plan.budget_s - self.worked() >= needed_s

    def limit_s(self, finished: int) -> float | None:
        """Seconds of each final training that is still to come; None where nothing limits them."""
        if self.plan is None:
            return None
        left_s = self.plan.budget_s - self.worked() - self.plan.scoring_s
        return max(1.0, left_s / max(1, self.plan.trials - finished) - self.plan.once_s)
