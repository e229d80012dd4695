"""A study in Keras-Tuner: its oracles as ask and tell, over the same space and the same slots.

An oracle keeps its state as files in one folder. It has no database and no heartbeat, so that one
worker on one machine is all it can have; for more there is the Optuna backend. Which slot has which
trial is kept beside it, in ``slots.json``.

Hyperband continues the best trainings of one bracket in the next: a continued trial starts from the
checkpoint of the one that it continues.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine import trial as kt_trial

from fibsem.config import SearchConfig
from fibsem.errors import UserError
from fibsem.search.slots import Attempt, Opening, next_attempt, slots_needed, to_open
from fibsem.search.space import Choice, Range, Space, Values
from fibsem.system.files import read_json, write_json
from fibsem.system.interrupts import whole_calls
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
    reason: str = ""
    objectives: list[float] | None = None
    record: dict[str, Any] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None


@whole_calls
class TunerStudy:
    """One study; see :class:`fibsem.search.slots.Study`."""

    def __init__(
        self, name: str, folder: Path, search: SearchConfig, space: Space, goals: list[Objective]
    ) -> None:
        _check(search, space)
        self.name, self.search, self.space, self.goals = name, search, space, goals
        self.folder = folder / "tuner"
        self.oracle = _oracle(search, space, goals[0])
        self.oracle._set_project_dir(str(self.folder), "oracle")
        self.oracle.verbose = 0
        self._file = self.folder / "slots.json"
        if self._file.is_file():
            self.oracle.reload()
            self.oracle._retry_queue.clear()  # what is tried again is decided by the slots
            state = read_json(self._file)
        else:
            state = {"attrs": {}, "attempts": []}
        self._attrs: dict[str, Any] = state["attrs"]
        self._kept = [Kept(**record) for record in state["attempts"]]
        self._mine: set[int] = set()

    def _save(self) -> None:
        """The slots whole or not at all, the oracle after them."""
        record = {"attrs": self._attrs, "attempts": [asdict(kept) for kept in self._kept]}
        write_json(self._file, record)
        self.oracle.save()

    def open_slots(self) -> None:
        for opening in to_open(self.attempts(), self.search.trials, self.search.retries):
            self._open(opening)
        self._save()

    def _open(self, opening: Opening) -> None:
        earlier = [kept for kept in self._kept if kept.slot == opening.slot]
        self._kept.append(
            Kept(
                len(self._kept), opening.slot, opening.attempt, opening.strikes, opening.failures,
                "waiting", opening.values or {}, earlier[-1].oracle_id if earlier else None,
            )
        )  # fmt: skip

    def claim(self) -> Attempt | None:
        needed = slots_needed(self.attempts(), self.search.trials, self.search.retries)
        waiting = [kept for kept in self._kept if kept.state == "waiting" and kept.slot < needed]
        for kept in sorted(waiting, key=lambda kept: (kept.slot, kept.number)):
            if not kept.values and not self._draw(kept):
                return None  # Hyperband is done with its brackets
            kept.state, kept.started = "running", time.time()
            self._mine.add(kept.number)
            self._save()
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
                kept.values, kept.oracle_id = values, trial.trial_id
                self._continue(kept, trial.hyperparameters.values)
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

    def _continue(self, kept: Kept, drawn: dict[str, Any]) -> None:
        """Give a continued trial the checkpoint of the one that it continues."""
        former = drawn.get("tuner/trial_id")
        source = next((k for k in self._kept if former and k.oracle_id == former), None)
        if source is None or source is kept:
            return
        trials = self.folder.parent / "trials"
        checkpoint = trials / f"{source.slot:04d}" / "checkpoint.npz"
        if checkpoint.is_file():
            place = trials / f"{kept.slot:04d}"
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(checkpoint, place / "checkpoint.npz")

    def report(self, attempt: Attempt, epoch: int, loss: float) -> bool:
        return False

    def beat(self, attempt: Attempt) -> None:
        """Nobody else could take the trial over."""

    def complete(self, attempt: Attempt, objectives: list[float], record: dict[str, Any]) -> None:
        kept = self._end(attempt, "complete")
        kept.objectives, kept.record = objectives, record
        if kept.oracle_id is not None:
            trial = self.oracle.trials[kept.oracle_id]
            self.oracle.update_trial(kept.oracle_id, {self.goals[0].key: objectives[0]})
            trial.status = kt_trial.TrialStatus.COMPLETED
            self.oracle.end_trial(trial)
        self._save()

    def prune(self, attempt: Attempt, record: dict[str, Any]) -> None:
        raise AssertionError("there are no pruners in this backend")

    def fail(self, attempt: Attempt, reason: str, *, own: bool, strike: bool, final: bool) -> bool:
        kept = self._end(attempt, "failed")
        kept.reason, kept.own_failure, kept.final = reason, own, final
        kept.strikes += strike
        kept.failures += own
        following = next_attempt(_attempt(kept), self.search.retries)
        if following is not None:
            self._open(following)
        elif kept.oracle_id is not None:
            trial = self.oracle.trials[kept.oracle_id]
            trial.status = kt_trial.TrialStatus.INVALID
            self.oracle.end_trial(trial)
        self._save()
        return following is not None

    def _end(self, attempt: Attempt, state: str) -> Kept:
        kept = self._kept[attempt.number]
        kept.state, kept.ended = state, time.time()
        self._mine.discard(attempt.number)
        return kept

    def recover(self) -> list[Attempt]:
        gone = []
        for kept in self._kept:
            if kept.state != "running" or kept.number in self._mine:
                continue
            attempt = _attempt(kept)
            if not self.fail(attempt, "killed", own=False, strike=True, final=False):
                gone.append(attempt)
        return gone

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
        return True

    def close(self) -> None:
        """Files are closed after every write."""


def _attempt(kept: Kept) -> Attempt:
    return Attempt(
        kept.number, kept.slot, kept.attempt, kept.strikes, kept.failures,
        kept.state, kept.values, kept.final,  # type: ignore[arg-type]
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
