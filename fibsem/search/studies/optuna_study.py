"""A study in any storage of Optuna: attempts are trials, which are claimed atomically.

It uses Optuna's ask and tell with enqueued trials. A trial is one attempt. It is claimed by
changing its state from waiting to running, and ended by changing it from running to another state.
Every storage allows each change to one process only, so that two workers never run one slot, and
the budget is exact. (Optuna's own ``ask`` would create a new trial if none is waiting.)
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from fibsem.config import SearchConfig
from fibsem.errors import LostError
from fibsem.search.space.planned_points import PlannedPoints
from fibsem.search.space.space import Space, Values
from fibsem.search.studies.axes import Axes
from fibsem.search.studies.optuna_records import attempt_of, attributes_of, outcome_of
from fibsem.search.studies.optuna_trials import Trials
from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.owner import Beat, Observer, Owner
from fibsem.search.studies.rungs import (
    NobodyError,
    NotYetError,
    continued,
    epochs_at,
    left_behind,
    read_rungs,
    slots_of,
)
from fibsem.search.studies.samplers import make_pruner, make_sampler
from fibsem.search.studies.slots import (
    Attempt,
    Cause,
    End,
    Opening,
    next_attempt,
    opened_before,
    slots_needed,
    to_open,
)
from fibsem.search.studies.storage import answered, elected, open_storage, release
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.system.interrupts import every_call
from fibsem.training.results import Epoch
from fibsem.training.scoring.objectives import Objective

optuna.logging.set_verbosity(optuna.logging.WARNING)


@every_call(lambda self: answered(self.search.storage))
class OptunaStudy:
    """A study in Optuna; see :class:`fibsem.search.studies.slots.Study` for its methods.

    Examples
    --------
    ```python
    search = SearchConfig(objectives=("val/loss",), trials=20, sampler="random")
    axes = {"model.blocks": Choice((1, 2, 3)), "train.learning_rate": Range(1e-3, 0.1, log=True)}
    space = Space("mine", axes, ("model.blocks",), strata=2, fits=lambda values: True)
    study = OptunaStudy("mine", Path("study"), search, space, [Objective.named("val/loss")])
    study.open_slots()
    while (attempt := study.claim()) is not None:
        study.complete(attempt, [loss_of(attempt.values)], TrialRecord())
    study.close()
    ```
    """

    def __init__(
        self, name: str, folder: Path, search: SearchConfig, space: Space, goals: list[Objective]
    ) -> None:
        self.name, self.search, self.space, self.goals = name, search, space, goals
        self.axes = Axes(space, search.sampler)
        self.rungs = read_rungs(search.rungs)
        self._opened = open_storage(search.storage, folder)
        with answered(search.storage):
            storage = optuna.storages.get_storage(self._opened)  # caches finished trials
            self.study = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=[goal.direction for goal in goals],
                load_if_exists=True,
            )
            self.trials = Trials(self.study, storage)
        self._points = PlannedPoints(space, search.sampler, search.seed, search.grid_points)
        self.me = Owner.me()
        self._observer = Observer(self.me, search.grace_s, search.heartbeat_s)
        self._running: dict[int, Trial] = {}
        self._reported: dict[int, int] = {}  # the latest epoch of each attempt

    # opening and claiming

    def open_slots(self) -> None:
        trials = self.trials.all()
        attempts = [attempt_of(frozen) for frozen in trials]
        costs = self._costs(trials) if self.rungs else {}
        for opening in to_open(attempts, self._needed(attempts), self.search.retries):
            try:
                before = (
                    continued(self.rungs, opening.slot, attempts, costs) if self.rungs else None
                )
            except NotYetError:
                return
            except NobodyError:
                continue
            values = before.values if before else opening.values
            if values is None and opening.attempt == 0:
                values = self._points.of_slot(opening.slot)
                if values is None:
                    return  # a grid has no more points
            self._open(opening, values or {}, before.number if before else None)

    def _needed(self, attempts: list[Attempt]) -> int:
        """Return the number of slots in the budget."""
        if self.rungs:
            return slots_of(self.rungs, attempts, self.search.retries)
        return slots_needed(attempts, self.search.trials, self.search.retries)

    def _costs(self, trials: Iterable[FrozenTrial]) -> dict[int, float]:
        """Return the last first objective of trials by number, as a cost (smaller is better)."""
        return {
            frozen.number: self.goals[0].cost(frozen.intermediate_values[frozen.last_step])
            for frozen in trials
            if frozen.values is not None and frozen.last_step is not None
        }

    def _open(self, opening: Opening, values: Values, continues: int | None = None) -> None:
        attrs = attributes_of(opening, values, continues)
        self.study.enqueue_trial(self.axes.parameters(values), user_attrs=dict(attrs))

    def claim(self) -> Attempt | None:
        attempts = self.attempts()
        needed = self._needed(attempts)
        waiting = [a for a in attempts if a.state == "waiting" and not a.duplicate]
        for attempt in sorted(waiting, key=lambda a: (a.slot, a.number)):
            if attempt.slot >= needed:
                return None  # left over from a larger budget
            if not self._take(attempt):
                continue
            if opened_before(attempt, attempts):
                self._drop(attempt)
                continue
            with contextlib.suppress(UpdateFinishedTrialError):  # given up meanwhile
                return self._start(attempt)
        return None

    def _take(self, attempt: Attempt) -> bool:
        """Change a waiting trial to running; returns False if another process was first."""
        try:
            if not self.trials.take(attempt.number):
                return False
            self.trials.note(attempt.number, "owner", self.me.text())
        except UpdateFinishedTrialError:
            return False
        return True

    def _start(self, attempt: Attempt) -> Attempt:
        """Draw the hyperparameters of a trial that this process has claimed."""
        # each slot has its own seed, so that a resumed or shared study draws the same values
        search = self.search
        sampler = make_sampler(
            search.sampler, self._sampler_seed(attempt), search.startup_trials, search.population
        )
        pruner = make_pruner(
            search.pruner, search.startup_trials, search.pruner_warmup, search.pruner_patience
        )
        trial = self.trials.begin(attempt.number, sampler, pruner)
        values = self.axes.suggest(trial)
        trial.set_user_attr("values", json.dumps(values))
        self._running[attempt.number] = trial
        return Attempt(
            attempt.number, attempt.slot, attempt.attempt, attempt.strikes, attempt.failures,
            "running", values, continues=attempt.continues,
        )  # fmt: skip

    def _sampler_seed(self, attempt: Attempt) -> int:
        return (self.search.seed * 1_000_003 + attempt.slot * 101 + attempt.attempt) % 2**31

    # reporting

    def report(self, attempt: Attempt, epoch: Epoch) -> bool:
        if len(self.goals) > 1 or (self.search.pruner == "none" and not self.rungs):
            return False
        latest = self._reported.get(attempt.number, -1)
        if epoch.epoch < latest:
            return False  # a resumed training reports its earlier epochs again
        trial = self._running[attempt.number]
        if epoch.epoch > latest:
            # compared in the study's direction, and the final value of a pruned trial
            trial.report(self.goals[0].of_epoch(epoch), epoch.epoch)
            self._reported[attempt.number] = epoch.epoch
        if self.rungs:
            last = epochs_at(self.rungs, attempt.slot)
            return last is not None and epoch.epoch + 1 >= last
        return bool(trial.should_prune())

    def beat(self, attempt: Attempt, beat: Beat) -> None:
        self.trials.note(attempt.number, "beat", beat.text())

    def complete(self, attempt: Attempt, objectives: list[float], record: TrialRecord) -> None:
        self._publish(attempt, TrialState.COMPLETE, record, objectives)

    def prune(self, attempt: Attempt, record: TrialRecord) -> None:
        self._publish(attempt, TrialState.PRUNED, record)

    def diverge(self, attempt: Attempt, reason: str, record: TrialRecord) -> None:
        # samplers rank a trial that is pruned without a value below all complete ones
        ended = replace(record, reason=reason, diverged=True)
        self._publish(attempt, TrialState.PRUNED, ended, valued=False)

    def _publish(
        self,
        attempt: Attempt,
        state: TrialState,
        record: TrialRecord,
        values: list[float] | None = None,
        *,
        valued: bool = True,
    ) -> None:
        """End an attempt so that its slot is filled, unless another process has ended it."""
        try:
            for key, by in record.beyond.items():  # Optuna's samplers read them
                self._running[attempt.number].set_constraint(key, by)
            self.trials.note(attempt.number, "record", record.to_json())
            if valued:
                self.trials.tell(attempt.number, state, values)
            else:
                self.trials.close(attempt.number, state)
        except UpdateFinishedTrialError as error:
            if self.trials.get(attempt.number).state != state:
                raise LostError from error
            # the storage made the change, but its answer was lost
        self._running.pop(attempt.number, None)

    def fail(self, attempt: Attempt, reason: str, cause: Cause, *, final: bool = False) -> bool:
        end = {**asdict(End.of(attempt, cause, final)), "reason": reason}
        try:
            self.trials.note(attempt.number, "end", end)
            self.trials.tell(attempt.number, TrialState.FAIL)
        except UpdateFinishedTrialError:
            self._running.pop(attempt.number, None)
            return True  # another process gave it up first
        self._running.pop(attempt.number, None)
        ended = attempt_of(self.trials.get(attempt.number))
        following = next_attempt(ended, self.search.retries)
        if following is not None:
            self._open(following, following.values or {}, ended.continues)
        return following is not None

    def recover(self) -> list[tuple[Attempt, str]]:
        trials, gone = self.trials.all(), []
        self._drop_duplicates([attempt_of(frozen) for frozen in trials])
        for frozen in trials:
            if frozen.state != TrialState.RUNNING or frozen.number in self._running:
                continue
            attrs = frozen.user_attrs
            why = self._observer.verdict(frozen.number, attrs.get("owner"), attrs.get("beat"))
            if why is not None:
                attempt = attempt_of(frozen)
                self.fail(attempt, why, "killed")
                gone.append((attempt, why))
        return gone

    def _drop_duplicates(self, attempts: list[Attempt]) -> None:
        """End waiting attempts at filled slots, which two processes opened at once."""
        full = {a.slot for a in attempts if a.state in ("complete", "pruned")}
        for attempt in attempts:
            if attempt.state == "waiting" and attempt.slot in full:
                self._drop(attempt)

    def _drop(self, attempt: Attempt) -> None:
        """Mark a waiting attempt that is not needed as a duplicate, and end it."""
        with contextlib.suppress(UpdateFinishedTrialError):
            self.trials.note(attempt.number, "duplicate", True)
            self.trials.close(attempt.number, TrialState.FAIL)

    # reading

    def attempts(self) -> list[Attempt]:
        return [attempt_of(frozen) for frozen in self.trials.all()]

    def left_behind(self, attempts: Sequence[Attempt]) -> set[int]:
        return left_behind(self.rungs, attempts)

    def outcomes(self) -> list[Outcome]:
        counting = (trial for trial in self.trials.all() if not trial.user_attrs.get("duplicate"))
        return [outcome_of(trial) for trial in counting]

    def get(self, key: str) -> Any:
        return self.study.user_attrs.get(key)

    def set(self, key: str, value: Any) -> None:
        self.study.set_user_attr(key, value)

    def elect(self) -> bool:
        try:  # creating a study is the only operation that every storage does only once
            optuna.create_study(storage=self.trials.storage, study_name=elected(self.name))
        except optuna.exceptions.DuplicatedStudyError:
            return False
        return True

    def close(self) -> None:
        release(self._opened)
