"""A study in Keras-Tuner: its oracles as ask and tell, over the same space and the same slots.

An oracle has no database and no heartbeat. All of its state, and which slot has which trial, is one
file, ``slots.json``, that is read and written behind a lock, whole or not at all: so the same
command may be given twice on one machine, and the second one joins. For several workers or machines
there is the Optuna backend.

Hyperband continues the best trainings of one bracket in the next: a continued trial starts from the
checkpoint of the one that it continues.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine import trial as kt_trial

from fibsem.config import SearchConfig
from fibsem.errors import LostError, UserError
from fibsem.search.owner import Beat, Observer, Owner
from fibsem.search.slots import (
    Attempt,
    Cause,
    Opening,
    end_of,
    next_attempt,
    slots_needed,
    to_open,
)
from fibsem.search.space import Choice, Range, Space, Values
from fibsem.system.files import read_json, write_json
from fibsem.system.interrupts import every_call, uninterrupted
from fibsem.system.locks import alone
from fibsem.system.outages import weathered
from fibsem.training.objectives import Objective

SAMPLERS = ("random", "hyperband", "bayesian")
#: Draws of an oracle that may be impossible in a row before the space is called empty.
MOST_DRAWS = 1000


@dataclass
class Kept:
    """One attempt as it is kept in ``slots.json``."""

    number: int
    slot: int
    attempt: int
    strikes: int
    failures: int
    state: str
    values: Values
    oracle_id: str | None = None
    final: bool = False
    own_failure: bool = False
    cause: Cause | None = None
    reason: str = ""
    objectives: list[float] | None = None
    record: dict[str, Any] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None
    owner: str | None = None
    beat: str | None = None
    continues: int | None = None


@every_call(lambda self: self._alone())
class TunerStudy:
    """One study; see :class:`fibsem.search.slots.Study`."""

    def __init__(
        self, name: str, folder: Path, search: SearchConfig, space: Space, goals: list[Objective]
    ) -> None:
        _check(search, space)
        self.name, self.search, self.space, self.goals = name, search, space, goals
        self.folder = folder / "tuner"
        self._file = self.folder / "slots.json"
        self._thread = threading.RLock()
        self._depth = 0
        self.me = Owner.me()
        self._observer = Observer(self.me, search.grace_s, search.heartbeat_s)
        self._mine: set[int] = set()
        self._begin()

    def _begin(self) -> None:
        """Know nothing of the study yet."""
        self.oracle = _oracle(self.search, self.space, self.goals[0])
        self.oracle._set_project_dir(str(self.folder), "oracle")
        self.oracle.verbose = 0
        self._seen: tuple[int, ...] | None = None
        self._attrs: dict[str, Any] = {}
        self._kept: list[Kept] = []
        self._trials: dict[str, dict[str, Any]] = {}

    # one process at a time

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only one that reads and writes the study; a call within a call is, too."""
        with uninterrupted(), self._thread:
            if self._depth:
                yield
                return
            try:
                with weathered(), alone(self.folder / ".lock"):
                    self._depth += 1
                    self._load()
                    yield
            except Exception:
                self._begin()  # in memory may be more than what was written
                raise
            finally:
                self._depth = 0

    def _load(self) -> None:
        """Take over what other processes wrote."""
        if not self._file.is_file() or self._stamp() == self._seen:
            return
        state = read_json(self._file)
        self._attrs = state["attrs"]
        self._kept = [Kept(**record) for record in state["attempts"]]
        if "oracle" in state:
            self._restore(state["oracle"], state["trials"])
        else:  # a former version left this to the oracle
            self.oracle.reload()
        self.oracle._retry_queue.clear()  # what is tried again is decided by the slots
        self._seen = self._stamp()

    def _stamp(self) -> tuple[int, ...]:
        """What a file has that was renamed into its place, and no other."""
        stat = self._file.stat()
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _restore(self, oracle: dict[str, Any], trials: dict[str, dict[str, Any]]) -> None:
        space = self.oracle.hyperparameters.get_config()["space"]
        for name, state in trials.items():
            if self._trials.get(name) != state:
                hyperparameters = {"space": space, "values": state["hyperparameters"]}
                whole = {**state, "hyperparameters": hyperparameters}
                self.oracle.trials[name] = kt_trial.Trial.from_state(whole)
        self._trials = trials
        self.oracle.set_state(oracle)

    def _save(self) -> None:
        """Write everything, whole or not at all."""
        for name, trial in self.oracle.trials.items():
            if self._trials.get(name, {}).get("status") != trial.status:
                state = trial.get_state()
                state["hyperparameters"] = state["hyperparameters"]["values"]  # all have one space
                self._trials[name] = state
        record = {
            "attrs": self._attrs,
            "attempts": [asdict(kept) for kept in self._kept],
            "oracle": self.oracle.get_state(),
            "trials": self._trials,
        }
        write_json(self._file, record)
        self._seen = self._stamp()

    # what is to be done

    def open_slots(self) -> None:
        opened = list(to_open(self.attempts(), self.search.trials, self.search.retries))
        for opening in opened:
            self._open(opening)
        if opened:
            self._save()

    def _open(self, opening: Opening) -> None:
        earlier = [kept for kept in self._kept if kept.slot == opening.slot]
        self._kept.append(
            Kept(
                len(self._kept), opening.slot, opening.attempt, opening.strikes, opening.failures,
                "waiting", opening.values or {}, earlier[-1].oracle_id if earlier else None,
                continues=earlier[-1].continues if earlier else None,
            )
        )  # fmt: skip

    def claim(self) -> Attempt | None:
        needed = slots_needed(self.attempts(), self.search.trials, self.search.retries)
        waiting = [kept for kept in self._kept if kept.state == "waiting" and kept.slot < needed]
        for kept in sorted(waiting, key=lambda kept: (kept.slot, kept.number)):
            if not kept.values and not self._draw(kept):
                return None  # Hyperband is done with its brackets, or waits for others
            kept.state, kept.started, kept.owner = "running", time.time(), self.me.text()
            self._save()
            self._mine.add(kept.number)
            return _attempt(kept)
        return None

    def _draw(self, kept: Kept) -> bool:
        """Ask the oracle for hyperparameters that are possible; False where it has no more."""
        for _ in range(MOST_DRAWS):
            trial = self.oracle.create_trial(f"slot-{kept.slot}")
            if trial.status != kt_trial.TrialStatus.RUNNING:
                return False
            values = self._values(trial.hyperparameters.values)
            if self.space.legal(values):
                former = trial.hyperparameters.values.get("tuner/trial_id")
                kept.values, kept.oracle_id = values, trial.trial_id
                kept.continues = self._complete_number(former)
                return True
            trial.status = kt_trial.TrialStatus.INVALID
            self.oracle.end_trial(trial)
        raise UserError(
            f"`space={self.space.name}` must hold a network that fits, but {MOST_DRAWS} draws in a "
            "row did not."
        )

    def _values(self, drawn: dict[str, Any]) -> Values:
        """Hyperparameters by key, of the axes that exist; epochs where Hyperband sets them."""
        values: Values = {}
        for key, axis in self.space.axes.items():
            if self.space.exists(key, values):
                value = drawn[key]
                values[key] = axis.values[int(value)] if isinstance(axis, Choice) else value
        if "tuner/epochs" in drawn:
            values["train.epochs"] = int(drawn["tuner/epochs"])
        return values

    def _complete_number(self, oracle_id: str | None) -> int | None:
        """Number of the complete attempt of an oracle's trial."""
        return next(
            (k.number for k in self._kept if oracle_id and k.oracle_id == oracle_id
             and k.state == "complete"),
            None,
        )  # fmt: skip

    # what became of it

    def report(self, attempt: Attempt, epoch: int, loss: float) -> bool:
        return False

    def beat(self, attempt: Attempt, beat: Beat) -> None:
        self._ours(attempt).beat = beat.text()
        self._save()

    def complete(self, attempt: Attempt, objectives: list[float], record: dict[str, Any]) -> None:
        kept = self._ours(attempt, "complete")
        if kept.state == "complete":
            return
        kept.objectives, kept.record = objectives, record
        if kept.oracle_id is not None:
            trial = self.oracle.trials[kept.oracle_id]
            self.oracle.update_trial(kept.oracle_id, {self.goals[0].key: objectives[0]})
            trial.status = kt_trial.TrialStatus.COMPLETED
            self.oracle.end_trial(trial)
        self._end(kept, "complete")

    def prune(self, attempt: Attempt, record: dict[str, Any]) -> None:
        raise AssertionError("there are no pruners in this backend")

    def diverge(self, attempt: Attempt, reason: str, record: dict[str, Any]) -> None:
        self.fail(attempt, reason, "own", final=True)  # its oracles know it as invalid

    def fail(self, attempt: Attempt, reason: str, cause: Cause, *, final: bool = False) -> bool:
        kept = self._kept[attempt.number]
        if kept.state != "running":  # another process gave it up first
            return True
        for key, value in end_of(attempt, cause, final).items():
            setattr(kept, key, value)
        kept.reason, kept.own_failure = reason, cause == "own"
        following = next_attempt(_attempt(kept), self.search.retries)
        if following is not None:
            self._open(following)
        elif kept.oracle_id is not None:
            trial = self.oracle.trials[kept.oracle_id]
            trial.status = kt_trial.TrialStatus.INVALID
            self.oracle.end_trial(trial)
        self._end(kept, "stopped" if cause == "let_go" else "failed")
        return following is not None

    def _ours(self, attempt: Attempt, *states: str) -> Kept:
        """An attempt that is running, or in one of these states, by this process."""
        kept = self._kept[attempt.number]
        if kept.owner != self.me.text() or kept.state not in ("running", *states):
            raise LostError
        return kept

    def _end(self, kept: Kept, state: str) -> None:
        kept.state, kept.ended = state, time.time()
        self._save()
        self._mine.discard(kept.number)

    def recover(self) -> list[tuple[Attempt, str]]:
        gone = []
        for kept in list(self._kept):
            if kept.state != "running" or kept.number in self._mine:
                continue
            why = self._observer.verdict(kept.number, kept.owner, kept.beat)
            if kept.owner is None:  # of a former version, which worked alone
                why = "killed"
            if why is not None:
                attempt = _attempt(kept)
                self.fail(attempt, why, "killed")
                gone.append((attempt, why))
        return gone

    # what is there

    def attempts(self) -> list[Attempt]:
        return [_attempt(kept) for kept in self._kept]

    def rows(self) -> list[dict[str, Any]]:
        return [asdict(kept) for kept in self._kept]

    def get(self, key: str) -> Any:
        return self._attrs.get(key)

    def set(self, key: str, value: Any) -> None:
        self._attrs[key] = value
        self._save()

    def elect(self) -> bool:
        elected, self._attrs["elected"] = self._attrs.get("elected", False), True
        self._save()
        return not elected

    def close(self) -> None:
        """Files are closed after every write."""


def _attempt(kept: Kept) -> Attempt:
    return Attempt(
        kept.number, kept.slot, kept.attempt, kept.strikes, kept.failures,
        kept.state, kept.values, kept.final, cause=kept.cause,  # type: ignore[arg-type]
        continues=kept.continues,
    )  # fmt: skip


def _check(search: SearchConfig, space: Space) -> None:
    """Refuse what files in one folder cannot do, and say who can."""
    if search.sampler not in SAMPLERS:
        raise UserError(
            f"`search.sampler` must be one of {', '.join(SAMPLERS)} with search=keras_tuner, but "
            f"got {search.sampler}; search=default (Optuna) has enumerated, grid, tpe, cmaes and "
            "nsga2."
        )
    for key, given in (
        ("search.storage", search.storage is not None),
        ("search.workers", search.workers > 1),
        ("search.pruner", search.pruner != "none"),
        ("search.objectives", len(search.objectives) > 1),
    ):
        if given:
            raise UserError(
                f"`{key}` cannot be set with search=keras_tuner, whose state is files for one "
                "worker and one value; search=default (Optuna) has databases, heartbeats, several "
                "machines, pruners and objectives."
            )


def _oracle(
    search: SearchConfig, space: Space, goal: Objective
) -> keras_tuner.engine.oracle.Oracle:
    objective = keras_tuner.Objective(goal.key, "min" if goal.direction == "minimize" else "max")
    common = {
        "objective": objective,
        "hyperparameters": _hyperparameters(space),
        "allow_new_entries": False,
        "tune_new_entries": False,
        "seed": search.seed,
        "max_retries_per_trial": 0,
        "max_consecutive_failed_trials": 1_000_000,
    }
    if search.sampler == "hyperband":
        return keras_tuner.oracles.HyperbandOracle(
            max_epochs=search.hyperband_epochs, factor=3, hyperband_iterations=1000, **common
        )
    limit = 1_000_000  # the budget is in the slots
    if search.sampler == "bayesian":
        return keras_tuner.oracles.BayesianOptimizationOracle(
            max_trials=limit, num_initial_points=search.startup_trials, **common
        )
    return keras_tuner.oracles.RandomSearchOracle(max_trials=limit, **common)


def _hyperparameters(space: Space) -> keras_tuner.HyperParameters:
    """The space in Keras-Tuner's words; choices by position, so that they may be anything."""
    hp = keras_tuner.HyperParameters()
    for key, axis in space.axes.items():
        if isinstance(axis, Choice):
            hp.Int(key, 0, len(axis.values) - 1)
        elif isinstance(axis, Range) and axis.integer:
            hp.Int(key, int(axis.low), int(axis.high), sampling="log" if axis.log else "linear")
        else:
            hp.Float(key, axis.low, axis.high, sampling="log" if axis.log else "linear")
    return hp
