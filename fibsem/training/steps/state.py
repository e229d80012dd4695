"""State of a training apart from its networks: history, best weights, restart and stopping."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fibsem.config import TrainConfig
from fibsem.config.schedule import Schedule
from fibsem.config.training import Criterion
from fibsem.training.results import Epoch
from fibsem.training.steps.health import BrokenOffError, DivergedError
from fibsem.training.steps.learner import Weights
from fibsem.training.steps.optimizer import Rate

#: Factor of the learning rate when a training is restarted.
RESTART_RATE = 0.1


@dataclass
class TrainingState:
    """History and best weights of a training; its networks hold the rest of the state.

    Attributes
    ----------
    schedule
        Length of the training and its learning rates.
    patience
        Epochs without a better one after which it ends, or None.
    kept_by
        Criterion of the best epoch; see :attr:`TrainConfig.kept_by`.
    may_restart
        Whether a network that diverges is replaced once.
    history
        Epochs so far.
    best, best_weights
        Number and weights of the best epoch, before or after a restart; -1 if there is none yet.
    restart, lost_s
        Epochs after which the training was restarted, or None; seconds of epochs that diverged.
    lost
        Number of diverged epochs that are not repeated, since all of their steps were made.
    over
        Whether the training has diverged for good, so that no further epochs follow.
    """

    schedule: Schedule
    patience: int | None
    kept_by: Criterion
    may_restart: bool
    history: list[Epoch] = field(default_factory=list)
    best: int = -1
    best_weights: Weights = field(default_factory=list)
    restart: int | None = None
    lost_s: float = 0.0
    lost: int = 0
    over: bool = False

    @classmethod
    def of(cls, train: TrainConfig) -> TrainingState:
        """Return the state of a training before its first epoch."""
        return cls(train.rates, train.patience, train.kept_by, train.restart)

    @property
    def epochs(self) -> int:
        """Number of epochs of the history at the end of the training."""
        return self.schedule.epochs - self.lost

    @property
    def seconds(self) -> float:
        """Seconds of training and validation so far."""
        return self.lost_s + seconds_of(self.history)

    def limit(self, left_s: float | None) -> None:
        """End the training ``left_s`` seconds from now, if ``train.max_seconds`` is not sooner."""
        most_s = self.schedule.max_seconds
        if most_s is not None and left_s is not None:
            self.schedule = replace(self.schedule, max_seconds=min(most_s, self.seconds + left_s))

    def forget(self) -> None:
        """Discard the best weights, because their network had learned nothing."""
        self.best, self.best_weights = -1, []

    def begin_again(self, error: DivergedError, lost_s: float) -> None:
        """Record a restart after a network diverged, which is allowed once; keep the best weights.

        An epoch of which all steps were made is not repeated if another one follows it, so that the
        training takes no longer than without the restart.

        Parameters
        ----------
        error
            How the network diverged.
        lost_s
            Seconds of the epoch in which it diverged.

        Raises
        ------
        DivergedError
            The ``error``, if restarts are off; or if no restart, epoch or time is left, and no
            weights were kept.
        """
        if not self.may_restart:
            raise error
        self.lost_s += lost_s
        self.over = self.restart is not None or self.ended
        if self.over and self.best < 0:
            raise error
        if not self.over:
            self.restart = len(self.history)
            if not isinstance(error, BrokenOffError) and self.restart < self.epochs - 1:
                self.lost += 1
        print(f"warning: {error.args[0]}; {self._what_follows()}", file=sys.stderr)

    def _what_follows(self) -> str:
        best_epoch = "" if self.best < 0 else f"epoch {self.best + 1}"
        if self.over:
            return f"nothing more is trained, and {best_epoch} is kept"
        rate = RESTART_RATE * self.schedule.rate
        instead = f"; {best_epoch} is kept if none is better" if best_epoch else ""
        return f"begun again after epoch {self.restart}, from a learning rate of {rate:g}{instead}"

    def say_kept(self) -> None:
        """Print a note if the best epoch was before the restart."""
        if self.restart is not None and self.best < self.restart:
            line = f"kept: epoch {self.best + 1}, of the network that was begun first"
            print(line, file=sys.stderr)

    def rate(self, steps: int) -> Rate:
        """Return the learning rates of the next epoch.

        After a restart they are smaller, and the schedule covers the remaining epochs and time.
        """
        schedule = self.schedule
        if self.restart is None:
            return Rate(schedule, len(self.history), steps, self.seconds)
        before_s = self.lost_s + seconds_of(self.history[: self.restart])
        left_s = (
            None if schedule.max_seconds is None else max(schedule.max_seconds - before_s, 1e-3)
        )
        rest = replace(
            schedule, rate=RESTART_RATE * schedule.rate, max_seconds=left_s,
            epochs=self.epochs - self.restart,
        )  # fmt: skip
        return Rate(rest, len(self.history) - self.restart, steps, self.seconds - before_s)

    def take(self, epoch: Epoch, weights: Callable[[], Weights]) -> None:
        """Add an epoch, and keep its weights if it is the best so far by ``train.keep``."""
        self.history.append(epoch)
        if self.best < 0 or self._badness(epoch) < self._badness(self.history[self.best]):
            self.best, self.best_weights = epoch.epoch, weights()

    def _badness(self, epoch: Epoch) -> float:
        """Return the criterion of ``train.keep`` for an epoch, smaller is better."""
        if self.kept_by == "loss":
            return epoch.val["loss"]
        return -(epoch.val_all if self.kept_by == "all" else epoch.val)["miou"]

    def _best_since(self, first: int) -> int:
        """Return the number of the best epoch from ``first`` on; ``first - 1`` if there is none."""
        later = [self._badness(epoch) for epoch in self.history[first:]]
        return first + later.index(min(later)) if later else first - 1

    @property
    def left_s(self) -> float:
        """Seconds for the steps of another epoch, so that its validation ends with the time limit.

        Infinite without a limit. A first validation is not known, and takes no time here.
        """
        if self.schedule.max_seconds is None:
            return math.inf
        validation_s = self.history[-1].val_seconds if self.history else 0.0
        return self.schedule.max_seconds - self.seconds - validation_s

    @property
    def cut(self) -> bool:
        """Whether the time limit ended the last epoch before its last step."""
        return bool(self.history) and self.history[-1].cut

    @property
    def cut_off(self) -> str | None:
        """Message that the time limit ended the training before its last step, or None."""
        done, epochs = sum(not epoch.cut for epoch in self.history), self.epochs
        steps, most_s = self.history[-1].steps if self.history else 0, self.schedule.max_seconds
        if most_s is None or done >= epochs or not (self.cut or self.left_s <= 0):
            return None
        more = f" and {steps} step{'s' * (steps != 1)}" if self.cut else ""
        limit = f"the {most_s:.0f} s that it may take (train.max_seconds)"
        return f"the training ended after {done} of {epochs} epochs{more}, with {limit}"

    @property
    def ended(self) -> bool:
        """Whether epochs, patience or time are used up, or the training diverged for good."""
        done = len(self.history)
        waited = done - 1 - self._best_since(self.restart or 0)
        return (
            self.over
            or done >= self.epochs
            or (self.patience is not None and waited >= self.patience and done > 0)
            or self.cut
            or self.left_s <= 0
        )


def seconds_of(history: Sequence[Epoch]) -> float:
    """Return the seconds of training and validation of some epochs."""
    return sum(epoch.seconds + epoch.val_seconds for epoch in history)
