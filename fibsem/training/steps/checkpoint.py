"""Checkpoints: the state of a training in one file, replaced atomically.

The file holds weights, their averages, the optimiser, the generators of the dropout layers, the
best weights so far and the history. A killed training resumes from it with the same result as
without the interruption. (The backup of Keras loses the state of the dropout generators and of
early stopping.)
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import sys
import time
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.config import defaults_of
from fibsem.config.schedule import ENDING, FALLING
from fibsem.errors import first_line
from fibsem.system.files import replace_file
from fibsem.system.identity import Identity
from fibsem.system.records import Stored
from fibsem.training.results import Epoch
from fibsem.training.steps.learner import Learner, Weights, learned_state
from fibsem.training.steps.state import TrainingState, seconds_of

#: Name of the array that holds the record of a checkpoint, beside those of the weights.
RECORD = "record"
#: Seconds between two checkpoints: at most this much, and an epoch, is lost by a kill.
SAVE_EVERY_S = 5.0
#: Exceptions raised by reading a damaged checkpoint.
DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, kw_only=True)
class CheckpointRecord(Stored):
    """State of a training in a checkpoint, apart from weights; see :class:`TrainingState`.

    Earlier versions wrote no ``identity``, ``restart``, ``lost_s`` and ``lost``.
    """

    best: int
    restart: int | None = None
    lost_s: float = 0.0
    lost: int = 0
    history: tuple[Epoch, ...]
    identity: Identity | None = None

    @classmethod
    def within(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> CheckpointRecord:
        """Read the record from the arrays of a checkpoint."""
        return cls.from_json(json.loads(arrays[RECORD].tobytes()))

    @property
    def most_epochs(self) -> float:
        """Maximum number of epochs to which the training may be extended.

        It is the present number for any schedule but ``wsd``. With ``wsd`` it is so if a past
        learning rate depended on it: in the final decay, in an unfinished warm-up, or after a
        restart, since networks are checked from a share of the epochs on.
        """
        settings = self.identity.settings if self.identity else {}
        epochs, warmup = settings["train.epochs"], settings.get("train.warmup")
        reached = len(self.history)
        falls = settings.get("train.schedule") != "wsd" or reached > (1 - FALLING) * epochs
        if falls or self.restart is not None:
            return float(epochs)
        return max(epochs, reached / warmup) if warmup else math.inf

    def ended_later(self, before: Identity, now: Identity) -> Identity:
        """Return the identity ``before``, with the larger number of epochs of ``now`` if legal."""
        epochs, asked = (identity.settings.get("train.epochs") for identity in (before, now))
        if epochs is None or asked is None or not epochs < asked <= self.most_epochs:
            return before
        return replace(before, settings={**before.settings, "train.epochs": asked})


@dataclass
class Keeping:
    """Saves checkpoints every few seconds and at the end of a training, if a path is given."""

    learner: Learner
    state: TrainingState
    path: Path | None
    identity: Identity
    saved: float = -math.inf

    @contextlib.contextmanager
    def after_epoch(self) -> Iterator[None]:
        """Save the state if it is due, or if the body, which follows an epoch, raises.

        A training that a rung stopped can thus be continued without repeating an epoch.
        """
        due = time.monotonic() - self.saved >= SAVE_EVERY_S or self.state.ended
        if due:
            self._save()
        try:
            yield
        except BaseException:
            if not due:
                with contextlib.suppress(Exception):  # report the original error
                    self._save()
            raise

    def _save(self) -> None:
        if self.path is not None:
            save(self.learner, self.state, self.path, self.identity)
            self.saved = time.monotonic()


def save(learner: Learner, state: TrainingState, path: Path, identity: Identity) -> None:
    """Write the whole state to a temporary file beside ``path``, then rename it."""
    arrays: dict[str, npt.NDArray[Any]] = {
        f"{group}/{k}": np.asarray(v)
        for group, variables in _variables(learner).items()
        for k, v in enumerate(variables)
    }
    arrays |= {f"best/{k}": v for k, v in enumerate(state.best_weights)}
    record = CheckpointRecord(
        best=state.best, restart=state.restart, lost_s=state.lost_s, lost=state.lost,
        history=(*state.history,), identity=identity,
    )  # fmt: skip
    arrays[RECORD] = np.frombuffer(json.dumps(record.to_json()).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    replace_file(path, buffer.getvalue())


def _variables(learner: Learner) -> dict[str, list[Any]]:
    """Return the variables of the networks that a checkpoint holds, by part of the file."""
    scored, steps = learner.scored.weights, learned_state(learner.steps)
    dropout = steps[len(scored) :]
    return {
        "model": [*scored, *dropout],
        "optimizer": list(learner.steps.optimizer.variables),
        "raw": steps[: len(scored)],
    }


def restore(learner: Learner, state: TrainingState, path: Path, identity: Identity) -> None:
    """Load a checkpoint into a newly built learner and an initial state.

    A damaged file is ignored with a warning.

    Raises
    ------
    UserError
        If the checkpoint is of another training.
    """
    try:
        record, read, best = _read(path, _variables(learner), len(learner.scored.weights))
    except DAMAGE as error:
        print(
            f"warning: {path} is damaged ({first_line(error)}); begun from the start",
            file=sys.stderr,
        )
        return
    if record.identity is not None:
        identity.check(
            record.ended_later(record.identity, identity), path,
            defaults=lambda: defaults_of("train", identity.settings),
        )  # fmt: skip
    for variable, value in read:
        variable.assign(value)
    state.history, state.best, state.best_weights = [*record.history], record.best, best
    state.restart, state.lost_s, state.lost = record.restart, record.lost_s, record.lost


def _read(
    path: Path, variables: dict[str, list[Any]], weights: int
) -> tuple[CheckpointRecord, list[tuple[Any, npt.NDArray[Any]]], Weights]:
    """Read a whole checkpoint before any of it is used, because its end may be damaged.

    Returns the record, the variables with their values, and the best weights.
    """
    with np.load(io.BytesIO(path.read_bytes())) as arrays:
        record = CheckpointRecord.within(arrays)
        averaged = "raw/0" in arrays  # otherwise the weights were not averaged
        read = [
            (variable, arrays[f"{group if group != 'raw' or averaged else 'model'}/{k}"])
            for group, of_part in variables.items()
            for k, variable in enumerate(of_part)
        ]
        if any(tuple(variable.shape) != value.shape for variable, value in read):
            raise ValueError("it is of another network")
        best = [arrays[f"best/{k}"] for k in range(weights)]
    return record, read, best


@dataclass(frozen=True)
class Reached:
    """Progress of the training of a checkpoint.

    Attributes
    ----------
    history
        Epochs so far.
    most_epochs
        Maximum total number of epochs to which the training may be extended, such that none of its
        past learning rates would have been different.
    """

    history: tuple[Epoch, ...]
    most_epochs: float

    @classmethod
    def read(cls, path: Path) -> Reached | None:
        """Read the progress from a checkpoint; None if it cannot be read."""
        try:
            with np.load(path) as arrays:
                record = CheckpointRecord.within(arrays)
            return cls(record.history, record.most_epochs)
        except DAMAGE:
            return None

    def epoch_s(self, tracing: Collection[int]) -> float | None:
        """Return the median seconds of the epochs not in ``tracing``, or None if there are none."""
        usual = [seconds_of([epoch]) for epoch in self.history if epoch.epoch not in tracing]
        return median(usual) if usual else None


def trained_s(path: Path) -> float:
    """Return the seconds that the training of a checkpoint has taken; 0 if it cannot be read."""
    try:
        with np.load(path) as arrays:
            record = CheckpointRecord.within(arrays)
        return record.lost_s + seconds_of(record.history)
    except DAMAGE:
        return 0.0


def continuation(training: Identity) -> Identity:
    """Return the identity that a checkpoint must match for a training to resume from it.

    The number of epochs may be increased unless a past learning rate depended on it: a cosine does
    so from the first step, a schedule that falls at the end only from there on. A time limit is not
    part of the identity, because it applies to one start and is not reproducible; a training whose
    last epoch it has cut is at its end.
    """
    settings = {**training.settings, "train.max_seconds": None}
    if settings["train.schedule"] not in ENDING:
        del settings["train.epochs"]
    return replace(training, settings=settings)
