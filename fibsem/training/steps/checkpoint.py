"""The state of a training in one file, written beside and renamed.

It holds weights, their averages, optimiser, generators of the dropout layers, the best weights so
far and the history. A training that was killed goes on from it with the result it would have had.
(Keras' own backup loses the state of the dropout generators and of early stopping.)
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
from fibsem.config.training import FALLING
from fibsem.errors import first_line
from fibsem.system.files import replace_file
from fibsem.system.identity import Identity
from fibsem.system.records import Stored
from fibsem.training.material.material import Material
from fibsem.training.results import Epoch
from fibsem.training.steps.learner import Learner, Weights, learned_state
from fibsem.training.steps.state import TrainingState, seconds_of

#: Name of the array that holds the record of a checkpoint, beside those of the weights.
RECORD = "record"
#: Seconds between two checkpoints: what a killed training repeats.
SAVE_EVERY_S = 5.0
#: What reading a damaged checkpoint raises.
DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, kw_only=True)
class CheckpointRecord(Stored):
    """What a checkpoint says of a training beside its weights; see :class:`TrainingState`.

    Versions before wrote no ``identity``, ``restart`` and ``lost_s``.
    """

    best: int
    restart: int | None = None
    lost_s: float = 0.0
    history: tuple[Epoch, ...]
    identity: Identity | None = None

    @classmethod
    def within(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> CheckpointRecord:
        """The record among the arrays of a checkpoint."""
        return cls.from_json(json.loads(arrays[RECORD].tobytes()))

    @property
    def most_epochs(self) -> float:
        """Most epochs that the training may be given, with the end that it has later.

        Its own number where a learning rate knew the end: in the decay, in a warm-up that is not
        over, or in a network that was begun again, which is looked for in the first part of a
        training.
        """
        settings = self.identity.settings if self.identity else {}
        own, warmup = settings["train.epochs"], settings.get("train.warmup")
        reached = len(self.history)
        falls = settings.get("train.schedule") != "wsd" or reached > (1 - FALLING) * own
        if falls or self.restart is not None:
            return float(own)
        return max(own, reached / warmup) if warmup else math.inf

    def ended_later(self, before: Identity, now: Identity) -> Identity:
        """The identity before, with the later end that is asked for, where it may have that."""
        own, asked = (one.settings.get("train.epochs") for one in (before, now))
        if own is None or asked is None or not own < asked <= self.most_epochs:
            return before
        return replace(before, settings={**before.settings, "train.epochs": asked})


@dataclass
class Keeping:
    """Saves a training every few seconds, and where it ends; without a path nothing is kept."""

    learner: Learner
    state: TrainingState
    path: Path | None
    identity: Identity
    saved: float = -math.inf

    @contextlib.contextmanager
    def after_epoch(self) -> Iterator[None]:
        """Save the state if that is due, or if what follows the epoch ends the training.

        So who goes on with one that a rung has stopped trains no epoch of it again.
        """
        due = time.monotonic() - self.saved >= SAVE_EVERY_S or self.state.ended
        if due:
            self._save()
        try:
            yield
        except BaseException:
            if not due:
                with contextlib.suppress(Exception):  # what ends it is what is told
                    self._save()
            raise

    def _save(self) -> None:
        if self.path is not None:
            save(self.learner, self.state, self.path, self.identity)
            self.saved = time.monotonic()


def save(learner: Learner, state: TrainingState, path: Path, identity: Identity) -> None:
    """Write the whole state beside ``path`` and rename."""
    arrays: dict[str, npt.NDArray[Any]] = {
        f"{part}/{k}": np.asarray(v)
        for part, variables in _variables(learner).items()
        for k, v in enumerate(variables)
    }
    arrays |= {f"best/{k}": v for k, v in enumerate(state.best_weights)}
    record = CheckpointRecord(
        best=state.best, restart=state.restart, lost_s=state.lost_s, history=(*state.history,),
        identity=identity,
    )  # fmt: skip
    arrays[RECORD] = np.frombuffer(json.dumps(record.to_json()).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    replace_file(path, buffer.getvalue())


def _variables(learner: Learner) -> dict[str, list[Any]]:
    """All that a checkpoint holds of the networks, by its part of it."""
    scored, steps = learner.scored.weights, learned_state(learner.steps)
    dropout = steps[len(scored) :]
    return {
        "model": [*scored, *dropout],
        "optimizer": list(learner.steps.optimizer.variables),
        "raw": steps[: len(scored)],
    }


def restore(learner: Learner, state: TrainingState, path: Path, identity: Identity) -> None:
    """Load what :func:`save` wrote into networks as they were built, and a state as it began.

    Raises
    ------
    UserError
        If it is the state of another training.
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
    state.restart, state.lost_s = record.restart, record.lost_s


def _read(
    path: Path, variables: dict[str, list[Any]], weights: int
) -> tuple[CheckpointRecord, list[tuple[Any, npt.NDArray[Any]]], Weights]:
    """Everything in a checkpoint, before any of it is used: it may be damaged further down."""
    with np.load(io.BytesIO(path.read_bytes())) as arrays:
        record = CheckpointRecord.within(arrays)
        averaged = "raw/0" in arrays  # else the weights themselves were scored
        read = [
            (variable, arrays[f"{part if part != 'raw' or averaged else 'model'}/{k}"])
            for part, some in variables.items()
            for k, variable in enumerate(some)
        ]
        if any(tuple(variable.shape) != value.shape for variable, value in read):
            raise ValueError("it is of another network")
        best = [arrays[f"best/{k}"] for k in range(weights)]
    return record, read, best


@dataclass(frozen=True)
class Reached:
    """How far the training of a checkpoint has come.

    Attributes
    ----------
    history
        Its epochs.
    most_epochs
        Those that it may be given in all, where none of its learning rates knew the end.
    """

    history: tuple[Epoch, ...]
    most_epochs: float

    @classmethod
    def read(cls, path: Path) -> Reached | None:
        """What a checkpoint tells; None where none can be read."""
        try:
            with np.load(path) as arrays:
                record = CheckpointRecord.within(arrays)
            return cls(record.history, record.most_epochs)
        except DAMAGE:
            return None

    def epoch_s(self, tracing: Collection[int]) -> float | None:
        """Seconds of a usual epoch, none of those that trace; None where there are no others."""
        usual = [seconds_of([one]) for one in self.history if one.epoch not in tracing]
        return median(usual) if usual else None


def trained_s(path: Path) -> float:
    """Seconds that the training of a checkpoint has taken; 0 where none can be read."""
    try:
        with np.load(path) as arrays:
            record = CheckpointRecord.within(arrays)
        return record.lost_s + seconds_of(record.history)
    except DAMAGE:
        return 0.0


def continuation(material: Material) -> Identity:
    """What must be the same for a training to go on from a checkpoint.

    More epochs may be asked for than before, unless a learning rate has followed their number:
    that of a cosine does from the first, one that falls at the end does not before. A limit of time
    is one of a start, and nothing that a machine repeats.
    """
    settings = dict(material.config.settings)
    settings["train.max_seconds"] = None
    if not material.config.train.ends_with_epochs:
        del settings["train.epochs"]
    return Identity("training", settings, material.dataset.digests)
