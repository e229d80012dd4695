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


def lacks_steps(pace: Pace, study: Study, slot: int) -> bool:
    """Whether the steps of a slot's epochs have to be set before its training."""
    return _measured(pace) is not None and study.get(_note(slot)) is None


def settle_steps(pace: Pace, study: Study, slot: int, times: float, workers: int) -> None:
    """Store the steps of a slot's epochs: as planned if others follow, else what fits, or 0.

    Parameters
    ----------
    pace, study, slot
        A slot that :func:`lacks_steps`.
    times
        Step time of its network over the average.
    workers
        Number of workers of the sweep.
    """
    plan = pace.plan
    assert plan is not None
    outcomes = study.outcomes()
    left_s, to_come = _left_s(pace, study, outcomes), _to_come(plan, slot, outcomes)
    follows = left_s - plan.seconds_of(plan.steps, times) >= _shortest_s(plan)
    as_planned = follows or to_come >= workers
    steps = plan.steps if as_planned else _steps_that_fit(plan, left_s, times, beyond=to_come < 0)
    study.set(_note(slot), [steps, plan.seconds_of(steps, times)])


def has_room(pace: Pace, study: Study) -> bool:
    """Whether another training begins: a planned one, or a short one if there is time for it.

    The answer may change while other workers train the last planned trials, since these may fail.
    An interrupted training keeps its steps, and continues.
    """
    plan = _measured(pace)
    if plan is None:
        return True
    outcomes = study.outcomes()
    if _begun(outcomes) < plan.trials or any(map(_goes_on, outcomes)):
        return True
    return _left_s(pace, study, outcomes) >= _shortest_s(plan)


def _measured(pace: Pace) -> Plan | None:
    """Return the plan if its last trainings fill its time; None with a hard budget."""
    plan = pace.plan
    if plan is None or not plan.fits_last or plan.filled is not None or pace.strict:
        return None
    return plan


def _note(slot: int) -> str:
    """Return the study's key for the steps of a slot's epochs and its expected seconds."""
    return f"steps/{slot}"


def _to_come(plan: Plan, slot: int, outcomes: Iterable[Outcome]) -> int:
    """Count the planned trainings after a slot's; negative if the slot is beyond the plan."""
    before = (o for o in outcomes if o.slot < slot or (o.slot > slot and o.state != "running"))
    return plan.trials - 1 - _begun(before)


def _steps_that_fit(plan: Plan, left_s: float, times: float, *, beyond: bool) -> int:
    """Return the steps of the last training; 0 if it is ``beyond`` the plan and would be short."""
    fitting = int(min(MOST * plan.steps, plan.steps_in(left_s, times)))
    if not beyond:
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
