"""How long whole trainings are that fill a budget: as planned, but for those at its end.

Networks of a space differ in size, so that behind the trainings that are planned there is time for
some others, or for none. Before each of them its own network is looked at: where another one fits
behind it, it is as long as planned, else it takes what is left, by a half to one and a half times
the steps; a network for which that is too little is left out, and the next one is looked at. The
study has the answer before the first step, and by the plan of a sweep that has ended it is given
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.slots import Attempt
from fibsem.training.planning.plan import Plan

if TYPE_CHECKING:
    from fibsem.search.sweep import Sweep

#: Steps of a training at the end of a budget against those that are planned, at least and at most.
LEAST, MOST = 0.5, 1.5
#: Why a slot has no training.
LEFT_OUT = "left out: too large a network for the time that is left"


def settled_steps(sweep: Sweep, slot: int) -> int | None:
    """Steps of an epoch of a whole training, once they are settled; 0 of one that is left out."""
    plan = sweep.pace.plan
    if plan is None or not plan.fits_last:
        return None
    if plan.filled is not None:
        return dict(plan.lengths).get(slot)
    noted = sweep.study.get(_note(slot))
    return None if noted is None else int(noted[0])


def settled_otherwise(sweep: Sweep, attempts: Iterable[Attempt]) -> tuple[tuple[int, int], ...]:
    """Slots of whole trainings that are not as long as planned, with the steps of an epoch."""
    plan = sweep.pace.plan
    steps = {slot: settled_steps(sweep, slot) for slot in {one.slot for one in attempts}}
    others = ((slot, some) for slot, some in steps.items() if some is not None)
    return tuple(sorted(one for one in others if plan is not None and one[1] != plan.steps))


def settle_steps(sweep: Sweep, attempt: Attempt) -> bool:
    """Note how many steps an epoch of a whole training has, unless that is settled.

    Returns whether it is trained: it is not where its network is too large for what is left.
    """
    plan = _measured(sweep)
    if plan is not None and sweep.study.get(_note(attempt.slot)) is None:
        times = sweep.times_of(attempt.values)
        steps = _steps_that_fit(sweep, plan, attempt, times)
        sweep.study.set(_note(attempt.slot), [steps, plan.seconds_of(steps, times)])
    return settled_steps(sweep, attempt.slot) != 0


def has_room(sweep: Sweep) -> bool:
    """Whether another training begins: one that is planned, or a short one for which there is time.

    Where others do the last of those that are planned there is room again if one of them fails. One
    that was interrupted has its steps, and goes on.
    """
    plan = _measured(sweep)
    if plan is None:
        return True
    outcomes = sweep.study.outcomes()
    if _begun(outcomes) < plan.trials or any(map(_goes_on, outcomes)):
        return True
    return _left_s(sweep, outcomes) >= _shortest_s(plan)


def _measured(sweep: Sweep) -> Plan | None:
    """The plan, where the clock tells how long trainings are at its end; a hard budget cuts."""
    plan = sweep.pace.plan
    if plan is None or not plan.fits_last or plan.filled is not None or sweep.pace.strict:
        return None
    return plan


def _note(slot: int) -> str:
    """Key of the study for steps of an epoch of a slot, and the seconds that are expected."""
    return f"steps/{slot}"


def _steps_that_fit(sweep: Sweep, plan: Plan, attempt: Attempt, times: float) -> int:
    """Steps of an epoch: as planned while others follow; none where there is no time for them."""
    outcomes = sweep.study.outcomes()
    after = [one for one in outcomes if one.state == "running" and one.slot > attempt.slot]
    others = _begun(one for one in outcomes if one.slot != attempt.slot and one not in after)
    to_come = plan.trials - 1 - others  # of the plan; below 0 of a training behind it
    left_s = _left_s(sweep, outcomes)
    follows = left_s - plan.seconds_of(plan.steps, times) >= _shortest_s(plan)
    if follows or to_come >= sweep.search.workers:
        return plan.steps
    fitting = int(min(MOST * plan.steps, plan.steps_in(left_s, times)))
    if to_come >= 0:
        return max(plan.steps, fitting)
    return fitting if fitting >= LEAST * plan.steps else 0


def _shortest_s(plan: Plan) -> float:
    """Expected time of the shortest training of the average network."""
    return plan.seconds_of(LEAST * plan.steps)


def _left_s(sweep: Sweep, outcomes: Sequence[Outcome]) -> float:
    """Seconds of the plan that are left: fewer of those of the clock where trainings are slow."""
    return sweep.pace.for_trainings_s / _slower(sweep, outcomes)


def _slower(sweep: Sweep, outcomes: Iterable[Outcome]) -> float:
    """Times as long as expected that whole trainings have taken; 1 where none has come to an end.

    The median, since a machine may have slept. One that was interrupted says nothing.
    """
    first = (one for one in outcomes if one.complete and not one.attempt.attempt)
    taken = [
        (one.ended - one.started) / noted[1]
        for one in first
        if one.ended and one.started and (noted := sweep.study.get(_note(one.slot)))
    ]
    return median(taken) if taken else 1.0


def _goes_on(one: Outcome) -> bool:
    """Whether a training waits that was interrupted, and has not failed by itself."""
    return one.state == "waiting" and one.attempt.attempt > one.attempt.failures


def _begun(outcomes: Iterable[Outcome]) -> int:
    """Slots that are filled, or at which somebody is at work."""
    return len({one.slot for one in outcomes if one.state in ("complete", "pruned", "running")})
