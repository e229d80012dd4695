"""A Keras-Tuner study in one locked file: attempts, properties, and the state of its oracle."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from keras_tuner.engine import trial as kt_trial
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.oracle import Oracle

from fibsem.search.space.space import Values
from fibsem.search.studies.slots import Cause
from fibsem.system.files import read_json, write_json
from fibsem.system.interrupts import uninterrupted
from fibsem.system.locks import alone
from fibsem.system.outages import weathered
from fibsem.system.records import typed

#: Properties of a study, by name.
Properties = dict[str, Any]
#: State of an oracle or a trial, which Keras-Tuner saves and restores.
TunerState = dict[str, Any]


@dataclass
class StoredAttempt:
    """One attempt as it is stored in ``slots.json``."""

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
    record: Mapping[str, Any] = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None
    owner: str | None = None
    beat: str | None = None
    continues: int | None = None


@dataclass(frozen=True)
class _StoredSlots:
    """Contents of ``slots.json``; earlier versions stored the oracle in other files.

    Only the values of hyperparameters of ``trials`` are stored, since all have one space.
    """

    attrs: Properties
    attempts: list[StoredAttempt]
    oracle: TunerState | None = None
    trials: dict[str, TunerState] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return the record to write; states of Keras-Tuner are not copied."""
        return {**vars(self), "attempts": [asdict(attempt) for attempt in self.attempts]}


class StudyFile:
    """Reads and writes ``slots.json`` of one study.

    Parameters
    ----------
    folder
        Folder of the file.
    make
        Makes a new oracle, for a study without a file.

    Attributes
    ----------
    oracle
        The oracle of Keras-Tuner, with the state in the file.
    attempts, properties
        Attempts and properties of the study; :meth:`save` writes changes.
    """

    def __init__(self, folder: Path, make: Callable[[], Oracle]) -> None:
        self.folder, self._make = folder, make
        self._path = folder / "slots.json"
        self._thread = threading.RLock()
        self._depth = 0
        self._begin()

    def _begin(self) -> None:
        """Reset to an empty study."""
        self.oracle = self._make()
        BaseTuner(self.oracle, directory=str(self.folder), project_name="oracle")  # its files
        self.oracle.verbose = 0
        self._read_at: tuple[int, ...] | None = None
        self.properties: Properties = {}
        self.attempts: list[StoredAttempt] = []
        self._trials: dict[str, TunerState] = {}

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of the study, after reading the file again; calls may be nested."""
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
                self._begin()  # memory may hold changes that were not written
                raise
            finally:
                self._depth = 0

    def _load(self) -> None:
        """Read the file again if another process has written it."""
        if not self._path.is_file() or self._stamp() == self._read_at:
            return
        read = partial(typed, _StoredSlots)
        state = read_json(self._path, read, remedy="overwrite=true begins anew")
        self.properties, self.attempts = state.attrs, state.attempts
        if state.oracle is not None:
            self._restore(state.oracle, state.trials)
        else:  # of an earlier version
            self.oracle.reload()
            # slots, not Keras-Tuner's queue, decide which trials are tried again
            self.oracle.set_state({**self.oracle.get_state(), "retry_queue": []})
        self._read_at = self._stamp()

    def _stamp(self) -> tuple[int, ...]:
        """Return inode, time and size of the file, which change whenever it is replaced."""
        stat = self._path.stat()
        return stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _restore(self, oracle: TunerState, trials: dict[str, TunerState]) -> None:
        space = self.oracle.hyperparameters.get_config()["space"]
        for name, state in trials.items():
            if self._trials.get(name) != state:
                hyperparameters = {"space": space, "values": state["hyperparameters"]}
                complete = {**state, "hyperparameters": hyperparameters}
                self.oracle.trials[name] = kt_trial.Trial.from_state(complete)
        self._trials = trials
        self.oracle.set_state(oracle)

    def save(self) -> None:
        """Write the file atomically."""
        for name, trial in self.oracle.trials.items():
            if self._trials.get(name, {}).get("status") != trial.status:
                state = trial.get_state()
                state["hyperparameters"] = state["hyperparameters"]["values"]
                self._trials[name] = state
        state = _StoredSlots(self.properties, self.attempts, self.oracle.get_state(), self._trials)
        write_json(self._path, state.to_json())
        self._read_at = self._stamp()
