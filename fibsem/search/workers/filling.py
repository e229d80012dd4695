"""Set the steps of whole trainings, so that the last ones fill the end of a budget.

Networks of a space differ in size, so that after the planned trainings there may be time for
further ones. Before each training its time is estimated from the size of its network: if another
training fits after it, it gets the planned steps; else it gets the rest, up to 1.5 times the
planned steps. A planned training gets at least the planned steps, a further one at least half of
them; if that takes too long, its network is left out, and the next one is considered. The steps are
stored in the study before training begins, and in the plan of a sweep that has ended, so that
repetitions use the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.slots import Attempt, Study
from fibsem.training.planning.plan import Plan

if TYPE_CHECKING:
    from fibsem.search.sweep import Sweep
    from fibsem.search.workers.pace import Pace

#: Minimum and maximum steps of a training at the end of a budget, relative to the planned ones.
LEAST, MOST = 0.5, 1.5
#: Reason of a slot without a training.
LEFT_OUT = "left out: too large a network for the time that is left"


def settled_steps(plan: Plan | None, study: Study, slot: int) -> int | None:
    """Return the stored steps of a slot's epochs; None without any, 0 if the slot is left out."""
    if plan is None or not plan.fits_last:
        return None
    if plan.filled is not None:
        return dict(plan.lengths).get(slot)
    noted = study.get(_note(slot))
    return None if noted is None else int(noted[0])


def settled_otherwise(
    pace: Pace, study: Study, attempts: Iterable[Attempt]
) -> tuple[tuple[int, int], ...]:
    """Return the slots whose trainings have other steps than planned, with their steps."""
    plan = pace.plan
    steps = {slot: settled_steps(plan, study, slot) for slot in {a.slot for a in attempts}}
    others = ((slot, settled) for slot, settled in steps.items() if settled is not None)
    return tuple(sorted(noted for noted in others if plan is not None and noted[1] != plan.steps))


def settle_steps(sweep: Sweep, attempt: Attempt) -> bool:
    """Store the steps of an attempt's epochs, unless they were stored before.

    Returns whether to train it; False if its network is too large for the time left.
    """
    plan = _measured(sweep.pace)
    if plan is not None and sweep.study.get(_note(attempt.slot)) is None:
        times = sweep.times_of(attempt.values)
        steps = _steps_that_fit(sweep, plan, attempt, times)
        sweep.study.set(_note(attempt.slot), [steps, plan.seconds_of(steps, times)])
    return settled_steps(sweep.pace.plan, sweep.study, attempt.slot) != 0


def has_room(sweep: Sweep) -> bool:
    """Whether another training begins: a planned one, or a short one if there is time for it.

    The answer may change while other workers train the last planned trials, since these may fail.
    An interrupted training keeps its steps, and continues.
    """
    plan = _measured(sweep.pace)
    if plan is None:
        return True
    outcomes = sweep.study.outcomes()
    if _begun(outcomes) < plan.trials or any(map(_goes_on, outcomes)):
        return True
    return _left_s(sweep.pace, sweep.study, outcomes) >= _shortest_s(plan)


def _measured(pace: Pace) -> Plan | None:
    """Return the plan if its last trainings fill its time; None with a hard budget."""
    plan = pace.plan
    if plan is None or not plan.fits_last or plan.filled is not None or pace.strict:
        return None
    return plan


def _note(slot: int) -> str:
    """Return the study's key for the steps of a slot's epochs and its expected seconds."""
    return f"steps/{slot}"


def _steps_that_fit(sweep: Sweep, plan: Plan, attempt: Attempt, times: float) -> int:
    """Return the steps of an attempt's epochs: as planned if others follow, else what fits or 0."""
    outcomes = sweep.study.outcomes()
    after = [
        outcome
        for outcome in outcomes
        if outcome.state == "running" and outcome.slot > attempt.slot
    ]
    others = _begun(
        outcome for outcome in outcomes if outcome.slot != attempt.slot and outcome not in after
    )
    to_come = plan.trials - 1 - others  # planned trainings after this one; negative beyond the plan
    left_s = _left_s(sweep.pace, sweep.study, outcomes)
    follows = left_s - plan.seconds_of(plan.steps, times) >= _shortest_s(plan)
    if follows or to_come >= sweep.search.workers:
        return plan.steps
    fitting = int(min(MOST * plan.steps, plan.steps_in(left_s, times)))
    if to_come >= 0:
        return max(plan.steps, fitting)
    return fitting if fitting >= LEAST * plan.steps else 0


def _shortest_s(plan: Plan) -> float:
    """Return the expected seconds of the shortest training of the average network."""
    return plan.seconds_of(LEAST * plan.steps)


def _left_s(pace: Pace, study: Study, outcomes: Sequence[Outcome]) -> float:
    """Return the seconds left, scaled down if trainings take longer than planned."""
    return pace.for_trainings_s / _slower(study, outcomes)


def _slower(study: Study, outcomes: Iterable[Outcome]) -> float:
    """Return the median ratio of actual to expected time of finished trainings; 1 without any.

    It is a median, since a machine may have slept meanwhile. Interrupted trainings are left out.
    """
    first = (outcome for outcome in outcomes if outcome.complete and not outcome.attempt.attempt)
    ratios = [
        (outcome.ended - outcome.started) / noted[1]
        for outcome in first
        if outcome.ended and outcome.started and (noted := study.get(_note(outcome.slot)))
    ]
    return median(ratios) if ratios else 1.0


def _goes_on(outcome: Outcome) -> bool:
    """Whether an attempt waits to continue an interrupted training."""
    return outcome.state == "waiting" and outcome.attempt.attempt > outcome.attempt.failures


def _begun(outcomes: Iterable[Outcome]) -> int:
    """Count the slots that are filled, or whose training is running."""
    return len({o.slot for o in outcomes if o.state in ("complete", "pruned", "running")})
