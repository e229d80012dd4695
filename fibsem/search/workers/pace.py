"""The time of a sweep: until when it begins trainings, and how long these may take.

A hard budget keeps back what the rungs to come are planned to take, so that a slow machine costs
trainings of the first rung and not the one that comes to the end.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fibsem.search.studies.rungs import Rung, read_rungs
from fibsem.search.studies.slots import filled
from fibsem.search.workers.filling import settled_otherwise
from fibsem.search.workers.last_rung import settled_lengths
from fibsem.system.again import same_command
from fibsem.system.files import write_json
from fibsem.training.planning.account import LATE, CutOff, cut_off
from fibsem.training.planning.instead import FEWEST_STEPS
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.planned import FILE

if TYPE_CHECKING:
    from fibsem.search.sweep import Sweep

#: Why a slot of a rung has no training.
CUT = "cut off: the time is kept for trainings that go on"
#: Share of a budget for what follows its last training, and for epochs that take longer than those
#: before.
KEPT_BACK = 0.03


@dataclass(frozen=True)
class Pace:
    """What a sweep has of time; processes of one machine mean the same by it.

    Attributes
    ----------
    until
        When no further training begins, by the clock.
    strict
        Whether a hard budget sets it: else so many trials as are ``planned`` begin all the same.
    plan
        By which it works, if by any.
    rungs
        Of a successive halving by that plan.
    clock
        Tells seconds.
    planned
        Trials; one where nothing is planned, or a pruner may end some early.
    of_budget
        That of the budget alone, where ``search.max_seconds`` ends it before.
    ends
        When the budget is used up, by the clock: where it is a soft one trainings begin later, too.
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
        """The pace that ends after the fewest of the seconds that are given."""
        left_s = min((one for one in seconds if one is not None), default=math.inf)
        return cls(time.monotonic() + left_s, strict, plan, rungs, planned=planned)

    @property
    def left_s(self) -> float:
        """Seconds until the end."""
        return self.until - self.clock()

    def over(self, trials: int) -> bool:
        """Whether no training begins any more, of a sweep with so many trials."""
        least, kept = 0.0, self._kept
        if kept is not None:
            least = kept.once_s + FEWEST_STEPS * kept.step_s + kept.validation_s
        return self.left_s <= least and (self.strict or trials >= self.planned)

    def stopped(self, trials: int) -> bool:
        """Whether time is over for this start alone, and the budget has some left for others."""
        return self.of_budget is not None and self.over(trials) and not self.of_budget.over(trials)

    def cuts(self, slot: int) -> bool:
        """Whether a slot stays empty for the sake of the rungs to come.

        They have what is left; a training is begun where less than half of it is theirs.
        """
        k, kept = self._rung_of(slot), self._kept
        if kept is None or k is None:
            return False
        return self.left_s < kept.after_s(k) + 0.5 * kept.training_s(k)

    def limit_s(self, slot: int) -> float | None:
        """Seconds that a training which begins now may take; None where nothing limits them.

        One that only comes to the next rung has no limit: its learning rate would follow it.
        """
        kept = self._kept
        if kept is None or self._rung_of(slot) is not None:
            return None
        return max(1.0, self.left_s - kept.once_s)

    def lengthens(self, slot: int) -> bool:
        """Whether a training has more epochs than planned where there is time left for them.

        Those of the last rung have, and those that follow one that came to no result there.
        """
        last = self.rungs[-1].first if self.rungs else math.inf
        return self.plan is not None and self.plan.lengthens and slot >= last

    @property
    def for_trainings_s(self) -> float:
        """Seconds of the budget that are left for trainings."""
        assert self.plan is not None
        return self.ends - self.clock() - KEPT_BACK * self.plan.budget_s

    def each_s(self, turns: int) -> float:
        """Seconds that are left for the epochs of a training, the first of so many in turn."""
        assert self.plan is not None
        return self.for_trainings_s / turns - self.plan.once_s

    @property
    def _kept(self) -> Plan | None:
        """The plan, where a hard budget keeps trainings to its time."""
        return self.plan if self.strict else None

    def _rung_of(self, slot: int) -> int | None:
        """Number of a rung whose trainings are gone on with; None of those that come to the end."""
        return next((k for k, rung in enumerate(self.rungs[:-1]) if _holds(rung, slot)), None)


def _holds(rung: Rung, slot: int) -> bool:
    return rung.first <= slot < rung.first + rung.count


def budget_pace(
    plan: Plan | None, budget_s: float | None, worked_s: float, most_s: float | None,
    *, strict: bool = False, rungs: Sequence[Sequence[int]] = (),
) -> Pace:  # fmt: skip
    """The pace of a sweep with a budget, of which some seconds were worked before.

    ``budget_is=hard`` is a limit, and so is every budget of models that are fitted at once, whose
    time nothing can plan. Where a pruner ends trainings early others begin as long as at least half
    of a whole one is left, and none would end a tenth of the budget too late. Where small networks
    take less time than planned others begin while they fit; see
    :mod:`fibsem.search.workers.filling`.

    Parameters
    ----------
    plan, budget_s
        By which it works, if by any, and what was given.
    worked_s
        Before.
    most_s
        Of ``search.max_seconds``.
    strict
        Whether the budget is a hard one.
    rungs
        Of a successive halving.
    """
    anyway = None if plan is None else _begun_anyway(plan)
    if plan is not None:
        late_s = (LATE - 1) * plan.budget_s
        kept_s = 0.0 if plan.fits_last else max(0.5 * plan.trial_s, plan.trial_s - late_s)
        budget_s = plan.budget_s if strict else plan.budget_s - kept_s if anyway else None
    left_s = None if budget_s is None else budget_s - worked_s
    own = Pace.of(left_s, strict=strict, planned=anyway or 1, plan=plan, rungs=read_rungs(rungs))
    if plan is not None:
        own = replace(own, ends=own.clock() + plan.budget_s - worked_s)
    if most_s is None or most_s >= (math.inf if left_s is None else left_s):
        return own
    return replace(own, until=own.clock() + most_s, planned=1, of_budget=own)


def _begun_anyway(plan: Plan) -> int | None:
    """Trials that begin by a soft budget even when it is used up; None where all of them do."""
    if plan.filled is not None or not (plan.pruned or plan.fills):
        return None
    return plan.trials if plan.fills else 1


def cut_of(plan: Plan, sweep: Sweep) -> CutOff:
    """Say what a hard budget has cut off of a sweep's plan; by its plan."""
    outcomes = sorted(sweep.study.outcomes(), key=lambda one: one.attempt.attempt)
    latest = {one.slot: one for one in outcomes}
    ended = [one for one in latest.values() if one.state in ("complete", "pruned", "failed")]
    complete = [one for one in ended if one.complete]
    epochs = [one.record["epochs"] for one in complete]
    wanted = [sweep.epochs_of(one.values, one.slot) or plan.epochs for one in complete]
    # small networks, pruned trials and slots of failed ones let others begin than were planned
    cut = cut_off(plan, epochs, max(0, plan.trials - len(ended)), wanted)
    if not epochs:
        filling, anyway = sum(one.state != "failed" for one in ended), _begun_anyway(plan)
        goes_on = anyway is None or filling < anyway
        then = (
            f"with budget_is=soft {same_command()} goes on" if goes_on else
            "the choices are another output with a longer budget, or smaller learning rates"
        )  # fmt: skip
        print(f"no training came to its end; {then}")
    return cut


def is_over(sweep: Sweep) -> bool:
    """Whether a sweep with a budget has come to its end, and to a model.

    It has not where ``search.max_seconds`` has stopped it, or others are still at work.
    """
    now = sweep.study.outcomes()
    has_model = any(one.complete for one in now)
    stopped = not sweep.is_full(now) and sweep.pace.stopped(filled(now))
    return has_model and not stopped and not sweep.is_shared()


def settle_plan(plan: Plan, sweep: Sweep, folder: Path) -> Plan:
    """Keep how many trainings a budget came to, and how long the last: repeated, they are the same.

    A plan that says so already stays as it is.
    """
    counted = (plan.pruned or plan.fills) and plan.filled is None
    measured = plan.lengthens and not plan.lengths and plan.filled is None
    if not (counted or measured) or not is_over(sweep):
        return plan
    attempts = sweep.study.attempts()
    if counted:
        plan = replace(plan, filled=filled(attempts))
    if measured:
        lengths = settled_otherwise if plan.fits_last else settled_lengths
        plan = replace(plan, lengths=lengths(sweep, attempts))
    write_json(folder / FILE, plan.to_json())
    return plan
