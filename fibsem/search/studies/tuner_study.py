"""A study in Keras-Tuner: ask and tell with its oracles over the space and slots of a sweep.

An oracle has no database and no heartbeat. Its state, and the trial of every slot, are stored in
one file, ``slots.json``, which is protected by a lock, so that the same command may be started
twice on one machine, and the second one joins. For several workers or machines use Optuna.

Hyperband continues the best trainings of one round in the next, from their checkpoints.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from keras_tuner.engine import trial as kt_trial
from keras_tuner.engine.oracle import Oracle

from fibsem.config import SearchConfig
from fibsem.errors import LostError, UserError
from fibsem.search.space.space import Space
from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.owner import Beat, Observer, Owner
from fibsem.search.studies.slots import (
    Attempt,
    Cause,
    End,
    Opening,
    next_attempt,
    slots_needed,
    to_open,
)
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.search.studies.tuner_file import StoredAttempt, StudyFile
from fibsem.search.studies.tuner_oracle import draw, make_oracle, values_of
from fibsem.system.interrupts import every_call
from fibsem.training.results import Epoch
from fibsem.training.scoring.objectives import Objective

COMPLETED, INVALID = kt_trial.TrialStatus.COMPLETED, kt_trial.TrialStatus.INVALID
#: Impossible points that an oracle may draw in a row before the space counts as empty.
MOST_DRAWS = 1000


@every_call(lambda self: self.file.alone())
class TunerStudy:
    """A study in Keras-Tuner; see :class:`fibsem.search.studies.slots.Study` for its methods.

    Examples
    --------
    ```python
    search = SearchConfig(backend="keras_tuner", objectives=("val/loss",), sampler="bayesian")
    space = Space("mine", {"model.blocks": Choice((1, 2, 3))}, (), strata=1, fits=lambda _: True)
    study = TunerStudy("mine", Path("study"), search, space, [Objective.named("val/loss")])
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
        self.file = StudyFile(folder / "tuner", self._first_oracle)
        self.me = Owner.me()
        self._observer = Observer(self.me, search.grace_s, search.heartbeat_s)
        self._mine: set[int] = set()

    def _first_oracle(self) -> Oracle:
        """Make the oracle of a study that nothing was drawn for."""
        search = self.search
        return make_oracle(
            search.sampler, self.space, self.goals[0],
            seed=search.seed, startup=search.startup_trials, longest=search.hyperband_epochs,
        )  # fmt: skip

    @property
    def oracle(self) -> Oracle:
        """The oracle of Keras-Tuner, which draws hyperparameters."""
        return self.file.oracle

    # opening and claiming

    def open_slots(self) -> None:
        attempts, retries = self.attempts(), self.search.retries
        needed = slots_needed(attempts, self.search.trials, retries)
        opened = list(to_open(attempts, needed, retries))
        for opening in opened:
            self._open(opening)
        if opened:
            self.file.save()

    def _open(self, opening: Opening) -> None:
        earlier = [stored for stored in self.file.attempts if stored.slot == opening.slot]
        former = earlier[-1] if earlier else None
        self.file.attempts.append(
            StoredAttempt(
                number=len(self.file.attempts),
                slot=opening.slot,
                attempt=opening.attempt,
                strikes=opening.strikes,
                failures=opening.failures,
                state="waiting",
                values=opening.values or {},
                oracle_id=former.oracle_id if former else None,
                continues=former.continues if former else None,
            )
        )

    def claim(self) -> Attempt | None:
        needed = slots_needed(self.attempts(), self.search.trials, self.search.retries)
        waiting = [
            stored
            for stored in self.file.attempts
            if stored.state == "waiting" and stored.slot < needed
        ]
        for stored in sorted(waiting, key=lambda stored: (stored.slot, stored.number)):
            if not stored.values and not self._draw(stored):
                return None  # Hyperband has finished its brackets, or waits for running trials
            stored.state, stored.started, stored.owner = "running", time.time(), self.me.text()
            self.file.save()
            self._mine.add(stored.number)
            return _attempt(stored)
        return None

    def _draw(self, stored: StoredAttempt) -> bool:
        """Ask the oracle for possible hyperparameters; returns False if it has no more."""
        for _ in range(MOST_DRAWS):
            trial = draw(self.oracle, f"slot-{stored.slot}")
            if trial.status != kt_trial.TrialStatus.RUNNING:
                return False
            values = values_of(self.space, trial.hyperparameters.values)
            if self.space.legal(values):
                former = trial.hyperparameters.values.get("tuner/trial_id")
                stored.values, stored.oracle_id = values, trial.trial_id
                stored.continues = self._complete_number(former)
                return True
            self._end_in_oracle(trial.trial_id, self._worst())  # not drawn again
        raise UserError(
            f"`space={self.space.name}` must hold a network that fits, but {MOST_DRAWS} draws in a "
            "row did not."
        )

    def _complete_number(self, oracle_id: str | None) -> int | None:
        """Return the number of the complete attempt of an oracle's trial, or None."""
        return next(
            (k.number for k in self.file.attempts if oracle_id and k.oracle_id == oracle_id
             and k.state == "complete"),
            None,
        )  # fmt: skip

    # reporting

    def report(self, attempt: Attempt, epoch: Epoch) -> bool:
        return False

    def beat(self, attempt: Attempt, beat: Beat) -> None:
        self._ours(attempt).beat = beat.text()
        self.file.save()

    def complete(self, attempt: Attempt, objectives: list[float], record: TrialRecord) -> None:
        stored = self._ours(attempt, "complete")
        if stored.state == "complete":
            return
        stored.objectives, stored.record = objectives, record.to_json()
        self._end_in_oracle(stored.oracle_id, objectives[0])
        self._tell_of_diverged()
        self._end(stored, "complete")

    def _tell_of_diverged(self) -> None:
        """Report the worst value so far for trials that diverged before there was any value."""
        worst = self._worst()
        for stored in self.file.attempts:
            trial = self.oracle.trials.get(stored.oracle_id or "")
            if stored.state == "pruned" and trial is not None and trial.status != COMPLETED:
                assert worst is not None
                self.oracle.update_trial(stored.oracle_id, {self.goals[0].key: worst})
                trial.status = COMPLETED
                self.oracle.score_trial(trial)

    def prune(self, attempt: Attempt, record: TrialRecord) -> None:
        raise AssertionError("there are no pruners in this backend")

    def diverge(self, attempt: Attempt, reason: str, record: TrialRecord) -> None:
        stored = self._ours(attempt, "pruned")
        if stored.state == "pruned":
            return
        stored.reason, stored.record = reason, replace(record, diverged=True).to_json()
        self._end_in_oracle(stored.oracle_id, self._worst())
        self._end(stored, "pruned")

    def _worst(self) -> float | None:
        """Return the worst value of the trials so far, or None without any."""
        values = [
            trial.objectives[0] for trial in self.file.attempts if trial.objectives is not None
        ]
        return max(values, key=self.goals[0].cost, default=None)

    def _end_in_oracle(self, oracle_id: str | None, value: float | None) -> None:
        """End a trial of the oracle; without a value it is invalid, and the oracle ignores it."""
        if oracle_id is None:
            return
        trial = self.oracle.trials[oracle_id]
        trial.status = INVALID
        if value is not None:
            self.oracle.update_trial(oracle_id, {self.goals[0].key: value})
            trial.status = COMPLETED
        self.oracle.end_trial(trial)

    def fail(self, attempt: Attempt, reason: str, cause: Cause, *, final: bool = False) -> bool:
        stored = self.file.attempts[attempt.number]
        if stored.state != "running":  # another process gave it up first
            return True
        for key, value in asdict(End.of(attempt, cause, final)).items():
            setattr(stored, key, value)
        stored.reason, stored.own_failure = reason, cause == "own"
        following = next_attempt(_attempt(stored), self.search.retries)
        if following is not None:
            self._open(following)
        else:
            self._end_in_oracle(stored.oracle_id, None)
        self._end(stored, "stopped" if cause == "let_go" else "failed")
        return following is not None

    def _ours(self, attempt: Attempt, *states: str) -> StoredAttempt:
        """Return an attempt of this process that is running, or in one of ``states``."""
        stored = self.file.attempts[attempt.number]
        if stored.owner != self.me.text() or stored.state not in ("running", *states):
            raise LostError
        return stored

    def _end(self, stored: StoredAttempt, state: str) -> None:
        stored.state, stored.ended = state, time.time()
        self.file.save()
        self._mine.discard(stored.number)

    def recover(self) -> list[tuple[Attempt, str]]:
        gone = []
        for stored in list(self.file.attempts):
            if stored.state != "running" or stored.number in self._mine:
                continue
            why = self._observer.verdict(stored.number, stored.owner, stored.beat)
            if stored.owner is None:  # of an earlier version, which had no other processes
                why = "killed"
            if why is not None:
                attempt = _attempt(stored)
                self.fail(attempt, why, "killed")
                gone.append((attempt, why))
        return gone

    # reading

    def attempts(self) -> list[Attempt]:
        return [_attempt(stored) for stored in self.file.attempts]

    def left_behind(self, attempts: Sequence[Attempt]) -> set[int]:
        return set()  # Hyperband may continue any trial

    def outcomes(self) -> list[Outcome]:
        return [_outcome(stored) for stored in self.file.attempts]

    def get(self, key: str) -> Any:
        return self.file.properties.get(key)

    def set(self, key: str, value: Any) -> None:
        self.file.properties[key] = value
        self.file.save()

    def elect(self) -> bool:
        elected, self.file.properties["elected"] = self.file.properties.get("elected", False), True
        self.file.save()
        return not elected

    def close(self) -> None:
        """Nothing to close: files are closed after every write."""


def _attempt(stored: StoredAttempt) -> Attempt:
    return Attempt(
        stored.number, stored.slot, stored.attempt, stored.strikes, stored.failures,
        stored.state, stored.values, stored.final, cause=stored.cause,  # type: ignore[arg-type]
        continues=stored.continues,
    )  # fmt: skip


def _outcome(stored: StoredAttempt) -> Outcome:
    objectives = None if stored.objectives is None else tuple(stored.objectives)
    # earlier versions did not store that a training diverged; nothing else is pruned here
    record = TrialRecord.from_json({"diverged": stored.state == "pruned", **stored.record})
    return Outcome(
        _attempt(stored), stored.reason, objectives, record, stored.started, stored.ended
    )
