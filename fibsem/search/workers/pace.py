"""Time limits of a sweep: until when trainings may begin, and how long each may take.

With a hard budget the planned time of later rungs is reserved, so that on a slow machine trainings
of the first rung are cut, and not the one that becomes the model.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.rungs import Rung, read_rungs
from fibsem.search.studies.slots import Study, filled
from fibsem.search.workers.filling import settled_otherwise
from fibsem.search.workers.last_rung import settled_lengths
from fibsem.system.again import same_command
from fibsem.system.files import write_json
from fibsem.system.summaries.budget import CutOff
from fibsem.training.planning.account import LATE, cut_off
from fibsem.training.planning.instead import FEWEST_STEPS
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.plan_file import FILE

#: Reason of a slot of a rung without a training.
CUT = "cut off: the time is kept for trainings that go on"
#: Share of a budget that is reserved for work after the last training, and for slow epochs.
KEPT_BACK = 0.03


@dataclass(frozen=True)
class Pace:
    """Time limits of a sweep; times are comparable between processes of one machine.

    Attributes
    ----------
    until
        Time after which no training begins, from ``time.monotonic``.
    strict
        Whether a hard budget sets ``until``; if not, the ``planned`` trials may begin after it.
    plan
        Plan of a budget, or None without one.
    rungs
        Rungs of the plan's successive halving.
    clock
        Function that returns the time, by default ``time.monotonic``.
    planned
        Number of trials that are trained in any case; 1 without a plan, or with a pruner.
    of_budget
        Pace of the budget alone, if ``search.max_seconds`` ends earlier.
    ends
        Time at which the budget is used up; with a soft budget trainings may begin later, too.
    """

    until: float = math.inf
    strict: bool = False
    plan: Plan | None = None
    rungs: tuple[Rung, ...] = ()
    clock: Callable[[], float] = time.monotonic
    planned: int = 1
    of_budget: Pace | None = None
    ends: float = math.inf

    @classmethod
    def of(
        cls,
        *seconds: float | None,
        strict: bool = False,
        planned: int = 1,
        plan: Plan | None = None,
        rungs: tuple[Rung, ...] = (),
    ) -> Pace:
        """Return the pace that ends after the smallest number of seconds; None is no limit."""
        left_s = min((limit_s for limit_s in seconds if limit_s is not None), default=math.inf)
        return cls(time.monotonic() + left_s, strict, plan, rungs, planned=planned)

    @property
    def left_s(self) -> float:
        """Seconds until the end."""
        return self.until - self.clock()

    def over(self, trials: int) -> bool:
        """Whether no further training begins in a sweep with ``trials`` finished trials."""
        least, plan = 0.0, self._hard_plan
        if plan is not None:
            least = plan.once_s + FEWEST_STEPS * plan.step_s + plan.validation_s
        return self.left_s <= least and (self.strict or trials >= self.planned)

    def stopped(self, trials: int) -> bool:
        """Whether this start of the command is over, but the budget has time for further ones."""
        return self.of_budget is not None and self.over(trials) and not self.of_budget.over(trials)

    def cuts(self, slot: int) -> bool:
        """Whether a slot gets no training, so that time is left for later rungs.

        The time of later rungs is reserved; a training begins if at least half of its planned time
        is left in addition.
        """
        k, plan = self._rung_of(slot), self._hard_plan
        if plan is None or k is None:
            return False
        return self.left_s < plan.after_s(k) + 0.5 * plan.training_s(k)

    def limit_s(self, slot: int) -> float | None:
        """Return the limit in seconds of a training that begins now, or None without a limit.

        Trainings that stop at the next rung have none, as it would change their learning rates.
        """
        plan = self._hard_plan
        if plan is None or self._rung_of(slot) is not None:
            return None
        return max(1.0, self.left_s - plan.once_s)

    def lengthens(self, slot: int) -> bool:
        """Whether a training gets more epochs than planned if time is left for them.

        These are trainings of the last rung, and trainings that replace one there without a result.
        """
        last = self.rungs[-1].first if self.rungs else math.inf
        return self.plan is not None and self.plan.lengthens and slot >= last

    @property
    def for_trainings_s(self) -> float:
        """Seconds of the budget that are left for trainings, without the reserved share."""
        assert self.plan is not None
        return self.ends - self.clock() - KEPT_BACK * self.plan.budget_s

    def each_s(self, turns: int) -> float:
        """Return the seconds for the epochs of each of ``turns`` consecutive trainings."""
        assert self.plan is not None
        return self.for_trainings_s / turns - self.plan.once_s

    @property
    def _hard_plan(self) -> Plan | None:
        """The plan, if a hard budget cuts trainings to its times."""
        return self.plan if self.strict else None

    def _rung_of(self, slot: int) -> int | None:
        """Return the index of a slot's rung, or None for the last rung."""
        return next((k for k, rung in enumerate(self.rungs[:-1]) if _holds(rung, slot)), None)


def _holds(rung: Rung, slot: int) -> bool:
    return rung.first <= slot < rung.first + rung.count


def budget_pace(
    plan: Plan | None, budget_s: float | None, worked_s: float, most_s: float | None,
    *, strict: bool = False, rungs: Sequence[Sequence[int]] = (),
) -> Pace:  # fmt: skip
    """Return the pace of a sweep with a budget, of which earlier starts have used some time.

    ``budget_is=hard`` is a limit, and so is every budget of models that are fitted at once, since
    their time cannot be planned. With a pruner, which ends trainings early, further trainings begin
    while half the time of a whole one is left, unless one would exceed the budget by more than a
    tenth. Without a pruner they begin while they fit; see :mod:`fibsem.search.workers.filling`.

    Parameters
    ----------
    plan, budget_s
        The plan or None, and the given time in seconds.
    worked_s
        Seconds that earlier starts have used.
    most_s
        The value of ``search.max_seconds``.
    strict
        Whether the budget is a hard one.
    rungs
        Rungs of a successive halving.
    """
    anyway = None if plan is None else _begun_anyway(plan)
    if plan is not None:
        late_s = (LATE - 1) * plan.budget_s
        kept_s = 0.0 if plan.fits_last else max(0.5 * plan.trial_s, plan.trial_s - late_s)
        budget_s = plan.budget_s if strict else plan.budget_s - kept_s if anyway else None
    left_s = None if budget_s is None else budget_s - worked_s
    pace = Pace.of(left_s, strict=strict, planned=anyway or 1, plan=plan, rungs=read_rungs(rungs))
    if plan is not None:
        pace = replace(pace, ends=pace.clock() + plan.budget_s - worked_s)
    if most_s is None or most_s >= (math.inf if left_s is None else left_s):
        return pace
    return replace(pace, until=pace.clock() + most_s, planned=1, of_budget=pace)


def _begun_anyway(plan: Plan) -> int | None:
    """Return how many trials are trained even if a soft budget is used up, or None for all."""
    if plan.filled is not None or not (plan.pruned or plan.fills):
        return None
    return plan.trials if plan.fills else 1


def cut_of(plan: Plan, outcomes: Iterable[Outcome], wanted: Mapping[int, int]) -> CutOff:
    """Print and return what a hard budget has cut off from a sweep's plan.

    ``wanted`` has the epochs of each slot whose training was not meant to have those of the plan.
    """
    in_order = sorted(outcomes, key=lambda trial: trial.attempt.attempt)
    latest = {trial.slot: trial for trial in in_order}
    ended = [trial for trial in latest.values() if trial.state in ("complete", "pruned", "failed")]
    complete = [trial for trial in ended if trial.complete]
    epochs = [trial.record.uncut_epochs for trial in complete]
    meant = [wanted.get(trial.slot, plan.epochs) for trial in complete]
    # small networks, pruned trials and failed ones leave time for unplanned trials
    cut = cut_off(plan, epochs, max(0, plan.trials - len(ended)), meant)
    if not epochs:
        filling, anyway = sum(trial.state != "failed" for trial in ended), _begun_anyway(plan)
        goes_on = anyway is None or filling < anyway
        then = (
            f"with budget_is=soft {same_command()} goes on" if goes_on else
            "the choices are another output with a longer budget, or smaller learning rates"
        )  # fmt: skip
        print(f"no training came to its end; {then}")
    return cut


def settle_plan(plan: Plan, pace: Pace, study: Study, folder: Path) -> Plan:
    """Store number and lengths of the trainings of a sweep that is over in its plan.

    Repetitions need them. A plan that already has them is returned unchanged.
    """
    counted = (plan.pruned or plan.fills) and plan.filled is None
    measured = plan.lengthens and not plan.lengths and plan.filled is None
    if not (counted or measured):
        return plan
    attempts = study.attempts()
    if counted:
        plan = replace(plan, filled=filled(attempts))
    if measured:
        lengths = settled_otherwise if plan.fits_last else settled_lengths
        plan = replace(plan, lengths=lengths(pace, study, attempts))
    write_json(folder / FILE, plan.to_json())
    return plan
