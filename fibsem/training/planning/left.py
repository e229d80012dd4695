"""Time that a hard budget leaves for the trainings that have not ended."""

from __future__ import annotations

from fibsem.training.planning.plan import Plan


def left_for_each(plan: Plan, worked_s: float, finished: int = 0) -> float:
    """Return the seconds that each remaining training has for its epochs from now on, at least 1.

    Parameters
    ----------
    plan
        Plan of the trainings.
    worked_s
        Seconds that all starts of the command have worked.
    finished
        Number of trainings that have ended.

    Examples
    --------
    >>> plan = Plan(60.0, "", 2, epochs=4, steps=90, step_s=0.05, validation_s=0.5, once_s=5.0)
    >>> left_for_each(plan, 10.0), left_for_each(plan, 40.0, finished=1)
    (20.0, 15.0)
    """
    left_s = plan.budget_s - worked_s - plan.scoring_s
    return max(1.0, left_s / max(1, plan.trials - finished) - plan.once_s)
