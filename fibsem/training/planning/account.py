"""Report the used share of a budget at the end of a command, and what a hard budget cut off."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

from fibsem.system.summaries.budget import BudgetUse, CutOff
from fibsem.training.planning.estimate import duration
from fibsem.training.planning.plan import Plan

#: Ratio of used to given time above which a budget is overrun, and below which much is left.
LATE, EARLY = 1.1, 0.9


def budget_use(
    plan: Plan, used_s: float, cut: CutOff | None = None, *, ended: bool = True
) -> BudgetUse:
    """Return given and used time for a command's summary; print a note if the two differ much.

    ``cut`` is the result of :func:`cut_off` for a hard budget. A command that has not ``ended`` may
    still use the rest, so that no note on unused time is printed.
    """
    share = used_s / plan.budget_s
    spent, budget = (duration(seconds, exact=True) for seconds in (used_s, plan.budget_s))
    said = f"{spent} were used of {budget} ({100 * share:.0f} %): "
    if share > LATE:
        print(said + _why_late(hard=cut is not None))
    elif ended and share < EARLY:
        print(said + _why_early(plan, plan.budget_s - used_s))
    return BudgetUse(plan.budget_s, used_s, cut)


def _why_late(*, hard: bool) -> str:
    """Explain why a command exceeds its budget, and what can be done about it."""
    rest = (
        "what is done without a limit, scores among it, is not cut off"
        if hard else "the plan's steps stay, and budget_is=hard cuts off what is late"
    )  # fmt: skip
    why = "the machine was slower than when the plan was made, or some work was lost to a kill"
    return f"{why}; {rest}"


def _why_early(plan: Plan, left_s: float) -> str:
    """Explain why a command leaves part of its budget unused."""
    left = f"{duration(left_s)} are left"
    if plan.pruned or plan.fills:
        return f"{left}, and no other training is asked for, or fits into them"
    return f"{left}, since what is planned took less time than expected"


def cut_off(
    plan: Plan, epochs: Iterable[int], not_begun: int = 0, wanted: Iterable[int] | None = None
) -> CutOff:
    """Print what a hard budget cut off, and return it for the record.

    Parameters
    ----------
    plan
        Plan of the trainings.
    epochs
        Whole epochs of each training that ended.
    not_begun
        Number of trainings that there was no time for.
    wanted
        Epochs that each training was meant to have; by default those of the plan.
    """
    pairs = zip(epochs, repeat(plan.epochs) if wanted is None else wanted, strict=False)
    early = [pair for pair in pairs if pair[0] < pair[1]]
    parts = []
    if not_begun:
        parts.append(f"{not_begun} of {plan.trials} trainings were not begun")
    if early:
        which = "the training" if plan.trials == 1 else f"{len(early)} of {plan.trials}"
        reached, of = min(early)
        parts.append(f"{which} ended after {reached} of {of} epochs")
    if parts:
        print(f"budget_is=hard cut off what was late: {', '.join(parts)}")
    return CutOff(not_begun, len(early))
