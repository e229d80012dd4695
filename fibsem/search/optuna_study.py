"""A study in Optuna: slots as trials, claimed atomically; any storage that Optuna has.

Ask and tell with enqueued trials. A trial is one attempt. A claim is the change of its state from
waiting to running, its end the one from running to something else: every storage does either for
one process only, so that two workers never run one slot, and the budget is exact. (Optuna's own
``ask`` would make a new trial where none is waiting.)
"""

from __future__ import annotations

import contextlib
import json
from itertools import islice
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from fibsem.config import SearchConfig
from fibsem.errors import LostError
from fibsem.search.axes import Axes
from fibsem.search.owner import Beat, Observer, Owner
from fibsem.search.rungs import NotYetError, epochs_at, heir, read_rungs
from fibsem.search.samplers import PLANNED, make_pruner, make_sampler
from fibsem.search.slots import (
    Attempt,
    Cause,
    Opening,
    State,
    end_of,
    next_attempt,
    slots_needed,
    to_open,
)
from fibsem.search.space import Space, Values
from fibsem.search.storage import answered, open_storage, release
from fibsem.system.interrupts import every_call
from fibsem.training.objectives import Objective

optuna.logging.set_verbosity(optuna.logging.WARNING)

STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


def delete_study(name: str, url: str, folder: Path) -> None:
    """Remove a study from a storage, where it is there."""
    storage = open_storage(url, folder)
    for known in (name, _elected(name)):
        with contextlib.suppress(KeyError):
            optuna.delete_study(study_name=known, storage=storage)
    release(storage)


def _elected(name: str) -> str:
    """The study whose creation says which process opens the parent run."""
    return f"{name} (elected)"


@every_call(lambda self: answered(self.search.storage))
class OptunaStudy:
    """One study; see :class:`fibsem.search.slots.Study`."""

    def __init__(
        self, name: str, folder: Path, search: SearchConfig, space: Space, goals: list[Objective]
    ) -> None:
        self.name, self.search, self.space, self.goals = name, search, space, goals
        self.axes = Axes(space, search.sampler)
        self.rungs = read_rungs(search.rungs)
        self._opened = open_storage(search.storage, folder)
        with answered(search.storage):
            self.study = optuna.create_study(
                storage=self._opened,
                study_name=name,
                directions=[goal.direction for goal in goals],
                load_if_exists=True,
            )
            self.storage = self.study._storage  # what we opened, with a memory of finished trials
            self._study_id = self.storage.get_study_id_from_name(name)
        self.me = Owner.me()
        self._observer = Observer(self.me, search.grace_s, search.heartbeat_s)
        self._running: dict[int, Trial] = {}
        self._told: dict[int, int] = {}
        self._trial_ids: dict[int, int] = {}

    # what is to be done

    def open_slots(self) -> None:
        known = self.attempts()
        for opening in to_open(known, self.search.trials, self.search.retries):
            try:
                before = self._continued(opening.slot, known)
            except NotYetError:
                return
            values = before.values if before else opening.values
            if values is None and opening.attempt == 0:
                values = self._planned(opening.slot)
                if values is None:
                    return  # a grid has no more points
            self._open(opening, values or {}, before)

    def _continued(self, slot: int, known: list[Attempt]) -> Attempt | None:
        """Whose training a slot goes on with, in successive halving."""
        if not self.rungs:
            return None
        losses = {
            frozen.number: frozen.intermediate_values[frozen.last_step]
            for frozen in self.storage.get_all_trials(self._study_id, deepcopy=False)
            if frozen.values is not None and frozen.last_step is not None
        }
        return heir(self.rungs, slot, known, losses)

    def _open(self, opening: Opening, values: Values, before: Attempt | None = None) -> None:
        attrs: dict[str, Any] = {
            "slot": opening.slot,
            "attempt": opening.attempt,
            "strikes": opening.strikes,
            "failures": opening.failures,
        }
        if values:
            attrs["values"] = json.dumps(values)
        if before is not None:
            attrs["continues"] = before.number
        self.study.enqueue_trial(self.axes.parameters(values), user_attrs=attrs)

    def _planned(self, slot: int) -> Values | None:
        """Hyperparameters of a slot where they are known beforehand; empty where they are not."""
        if self.search.sampler == "grid":
            points = self.space.grid(self.search.seed, self.search.grid_points)
            return points[slot] if slot < len(points) else None
        if self.search.sampler in PLANNED:
            plan = self.space.plan(
                self.search.seed, enumerate_cells=self.search.sampler == "enumerated"
            )
            return next(islice(plan, slot, None))
        return {}

    def claim(self) -> Attempt | None:
        known = self.attempts()
        needed = slots_needed(known, self.search.trials, self.search.retries)
        waiting = [a for a in known if a.state == "waiting" and not a.duplicate]
        for attempt in sorted(waiting, key=lambda a: (a.slot, a.number)):
            if attempt.slot >= needed:
                return None  # left over from a larger budget
            if not self._take(attempt):
                continue
            if _opened_before(attempt, known):
                self._drop(attempt)
                continue
            with contextlib.suppress(UpdateFinishedTrialError):  # given up meanwhile
                return self._start(attempt)
        return None

    def _take(self, attempt: Attempt) -> bool:
        """Change a waiting trial to running; False where another process was first."""
        trial_id = self._trial_id(attempt)
        try:
            if not self.storage.set_trial_state_values(trial_id, state=TrialState.RUNNING):
                return False
            self.storage.set_trial_user_attr(trial_id, "owner", self.me.text())
        except UpdateFinishedTrialError:
            return False
        return True

    def _start(self, attempt: Attempt) -> Attempt:
        """Draw the hyperparameters of a trial that is ours."""
        # a sampler of its own for every slot: continued or shared, a study draws what it would have
        study = optuna.load_study(
            study_name=self.name,
            storage=self.storage,
            sampler=make_sampler(self.search, self._sampler_seed(attempt)),
            pruner=make_pruner(self.search),
        )
        trial = Trial(study, self._trial_id(attempt))
        values = self.axes.suggest(trial)
        trial.set_user_attr("values", json.dumps(values))
        self._running[attempt.number] = trial
        return Attempt(
            attempt.number, attempt.slot, attempt.attempt, attempt.strikes, attempt.failures,
            "running", values, continues=attempt.continues,
        )  # fmt: skip

    def _sampler_seed(self, attempt: Attempt) -> int:
        return (self.search.seed * 1_000_003 + attempt.slot * 101 + attempt.attempt) % 2**31

    def _trial_id(self, attempt: Attempt) -> int:
        """Of an attempt: its number is within the study, this within the storage."""
        known = self._trial_ids.get(attempt.number)
        if known is None:
            known = self._trial_ids[attempt.number] = (
                self.storage.get_trial_id_from_study_id_trial_number(self._study_id, attempt.number)
            )
        return known

    # what became of it

    def report(self, attempt: Attempt, epoch: int, loss: float) -> bool:
        if len(self.goals) > 1 or (self.search.pruner == "none" and not self.rungs):
            return False
        told = self._told.get(attempt.number, -1)
        if epoch < told:
            return False  # a training that goes on tells its former epochs again
        trial = self._running[attempt.number]
        if epoch > told:
            trial.report(loss, epoch)
            self._told[attempt.number] = epoch
        if self.rungs:
            last = epochs_at(self.rungs, attempt.slot)
            return last is not None and epoch + 1 >= last
        return bool(trial.should_prune())

    def beat(self, attempt: Attempt, beat: Beat) -> None:
        self.storage.set_trial_user_attr(self._trial_id(attempt), "beat", beat.text())

    def complete(self, attempt: Attempt, objectives: list[float], record: dict[str, Any]) -> None:
        self._publish(attempt, TrialState.COMPLETE, objectives, record)

    def prune(self, attempt: Attempt, record: dict[str, Any]) -> None:
        self._publish(attempt, TrialState.PRUNED, self._last_loss(attempt), record)

    def diverge(self, attempt: Attempt, reason: str, record: dict[str, Any]) -> None:
        # pruned without a value: what samplers take for worse than all that was completed
        self._publish(attempt, TrialState.PRUNED, None, {**record, "reason": reason})

    def _publish(
        self,
        attempt: Attempt,
        state: TrialState,
        values: list[float] | None,
        record: dict[str, Any],
    ) -> None:
        """Fill the slot, unless the attempt is not ours any more."""
        trial_id = self._trial_id(attempt)
        try:
            self.storage.set_trial_user_attr(trial_id, "record", record)
            self.storage.set_trial_state_values(trial_id, state=state, values=values)
        except UpdateFinishedTrialError as error:
            if self.storage.get_trial(trial_id).state != state:
                raise LostError from error
            # told before: the answer was lost on its way
        self._running.pop(attempt.number, None)

    def _last_loss(self, attempt: Attempt) -> list[float] | None:
        told = self.storage.get_trial(self._trial_id(attempt)).intermediate_values
        return [told[max(told)]] if told else None

    def fail(self, attempt: Attempt, reason: str, cause: Cause, *, final: bool = False) -> bool:
        trial_id = self._trial_id(attempt)
        end = {**end_of(attempt, cause, final), "reason": reason}
        try:
            self.storage.set_trial_user_attr(trial_id, "end", end)
            self.storage.set_trial_state_values(trial_id, state=TrialState.FAIL)
        except UpdateFinishedTrialError:
            self._running.pop(attempt.number, None)
            return True  # another process gave it up first
        self._running.pop(attempt.number, None)
        ended = _attempt(self.storage.get_trial(trial_id))
        following = next_attempt(ended, self.search.retries)
        if following is not None:
            self._open(following, following.values or {})
        return following is not None

    def recover(self) -> list[tuple[Attempt, str]]:
        self._drop_duplicates()
        gone = []
        for frozen in self._trials(TrialState.RUNNING):
            if frozen.number in self._running:
                continue
            attrs = frozen.user_attrs
            why = self._observer.verdict(frozen.number, attrs.get("owner"), attrs.get("beat"))
            if why is not None:
                attempt = _attempt(frozen)
                self.fail(attempt, why, "killed")
                gone.append((attempt, why))
        return gone

    def _drop_duplicates(self) -> None:
        """End waiting attempts at slots that are filled: two processes had opened them at once."""
        known = self.attempts()
        full = {a.slot for a in known if a.state in ("complete", "pruned")}
        for attempt in known:
            if attempt.state == "waiting" and attempt.slot in full:
                self._drop(attempt)

    def _drop(self, attempt: Attempt) -> None:
        """Take an attempt out that another one makes superfluous."""
        trial_id = self._trial_id(attempt)
        with contextlib.suppress(UpdateFinishedTrialError):
            self.storage.set_trial_user_attr(trial_id, "duplicate", True)
            self.storage.set_trial_state_values(trial_id, state=TrialState.FAIL)

    # what is there

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states or None)

    def attempts(self) -> list[Attempt]:
        return [_attempt(frozen) for frozen in self._trials()]

    def rows(self) -> list[dict[str, Any]]:
        return [_row(frozen) for frozen in self._trials() if not frozen.user_attrs.get("duplicate")]

    def get(self, key: str) -> Any:
        return self.study.user_attrs.get(key)

    def set(self, key: str, value: Any) -> None:
        self.study.set_user_attr(key, value)

    def elect(self) -> bool:
        try:  # of all that every storage does, only the creation of a study is once for all
            optuna.create_study(storage=self.storage, study_name=_elected(self.name))
        except optuna.exceptions.DuplicatedStudyError:
            return False
        return True

    def close(self) -> None:
        release(self._opened)


def _attempt(frozen: FrozenTrial) -> Attempt:
    attrs = _attributes(frozen)
    cause = attrs.get("cause")
    return Attempt(
        number=frozen.number,
        slot=attrs["slot"],
        attempt=attrs["attempt"],
        strikes=attrs["strikes"],
        failures=attrs["failures"],
        state="stopped" if cause == "let_go" else STATES[frozen.state],
        values=json.loads(attrs.get("values", "{}")),
        final=attrs.get("final", False),
        continues=attrs.get("continues"),
        duplicate=attrs.get("duplicate", False),
        cause=cause,
    )


def _attributes(frozen: FrozenTrial) -> dict[str, Any]:
    """What is stored of an attempt, and of its end where it had one."""
    attrs = frozen.user_attrs
    if frozen.state != TrialState.FAIL:
        return attrs
    if "own_failure" in attrs:  # as former versions told an end
        return {**attrs, "cause": "own" if attrs["own_failure"] else "killed"}
    return {**attrs, **attrs.get("end", {})}


def _row(frozen: FrozenTrial) -> dict[str, Any]:
    """One row of the table of a study."""
    attempt, attrs = _attempt(frozen), _attributes(frozen)
    return {
        "number": attempt.number,
        "slot": attempt.slot,
        "attempt": attempt.attempt,
        "state": attempt.state,
        "reason": attrs.get("reason") or attrs.get("record", {}).get("reason", ""),
        "cause": attempt.cause,
        "own_failure": attempt.cause == "own",
        "objectives": list(frozen.values) if frozen.state == TrialState.COMPLETE else None,
        "values": attempt.values,
        "record": attrs.get("record", {}),
        "ended": frozen.datetime_complete and frozen.datetime_complete.timestamp(),
        "started": frozen.datetime_start and frozen.datetime_start.timestamp(),
    }


def _opened_before(attempt: Attempt, known: list[Attempt]) -> bool:
    """Whether two processes opened one attempt at once; the lower number counts."""
    place = (attempt.slot, attempt.attempt)
    return any(
        (other.slot, other.attempt) == place and other.number < attempt.number
        for other in known
        if not other.duplicate
    )
