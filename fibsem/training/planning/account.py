"""What was used of a budget at the end of a command, and what a hard one has cut off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import repeat
from typing import Any

from fibsem.training.planning.estimate import duration
from fibsem.training.planning.plan import Plan

#: Used time against that given from which on it is an overrun, and below which much is left.
LATE, EARLY = 1.1, 0.9


@dataclass(frozen=True)
class CutOff:
    """Trainings that a hard budget has left no time for, and those that it ended early.

    ``not_repeated`` are trainings that would have ranked trials of a promotion.
    """

    not_begun: int
    ended_early: int
    not_repeated: int = 0


def budget_record(
    plan: Plan, used_s: float, cut: CutOff | None = None, *, ended: bool = True
) -> dict[str, Any]:
    """Given and used time, for the record of a command; said where they are far apart.

    ``cut`` is what a hard budget has cut off, of :func:`cut_off`; what has not ``ended`` may
    still use what is left.
    """
    share = used_s / plan.budget_s
    said = f"{duration(used_s)} were used of {duration(plan.budget_s)} ({100 * share:.0f} %): "
    if share > LATE:
        print(said + _why_late(hard=cut is not None))
    elif ended and share < EARLY:
        print(said + _why_early(plan, plan.budget_s - used_s))
    used = {"given_s": plan.budget_s, "used_s": used_s}
    return {
        "plan": plan.to_json(),
        "budget": used if cut is None else {**used, "cut": asdict(cut)},
    }


def _why_late(*, hard: bool) -> str:
    """Why a command takes longer than it was given, and what can be done."""
    rest = (
        "what is done without a limit, scores among it, is not cut off"
        if hard else "the plan's steps stay, and budget_is=hard cuts off what is late"
    )  # fmt: skip
    why = "the machine was slower than when the plan was made, or some work was lost to a kill"
    return f"{why}; {rest}"


def _why_early(plan: Plan, left_s: float) -> str:
    """Why a command leaves time over."""
    left = f"{duration(left_s)} are left"
    if plan.pruned or plan.fills:
        return f"{left}, and no other training is asked for, or fits into them"
    return f"{left}, since what is planned took less time than expected"


def cut_off(
    plan: Plan, epochs: Iterable[int], not_begun: int = 0, wanted: Iterable[int] | None = None
) -> CutOff:
    """Say what a hard budget has cut off, and give it for the record.

    Parameters
    ----------
    plan
        By which they were trained.
    epochs
        Of each training that came to its end.
    not_begun
        Trainings that there was no time for.
    wanted
        Epochs that each was to have; those of the plan by default.
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
