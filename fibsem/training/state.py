"""What a training needs to go on: the history of its epochs, and the best weights so far."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fibsem.config import TrainConfig
from fibsem.training.health import DivergedError
from fibsem.training.learner import Weights
from fibsem.training.optimizer import Rate
from fibsem.training.results import Epoch

#: Of the learning rate, where a training is begun again.
RESTART_RATE = 0.1


@dataclass
class TrainingState:
    """History and best weights of a training; its networks hold the rest.

    Attributes
    ----------
    settings
        How it is trained.
    history
        Its epochs.
    best, best_weights
        Number and weights of the best one; -1 before there is one.
    restart, lost_s
        Epochs after which it was begun again, None where it was not; seconds of the epoch before.
    """

    settings: TrainConfig
    history: list[Epoch] = field(default_factory=list)
    best: int = -1
    best_weights: Weights = field(default_factory=list)
    restart: int | None = None
    lost_s: float = 0.0

    @property
    def seconds(self) -> float:
        """Time of training and validation so far."""
        return self.lost_s + seconds_of(self.history)

    def begin_again(self, error: DivergedError, lost_s: float) -> None:
        """Forget the best weights of a network that dies: another one is begun, once.

        Raises
        ------
        DivergedError
            The ``error`` that it dies of, where there was another one already, or no time is left.
        """
        if self.restart is not None or not self.settings.restart:
            raise error
        self.restart, self.lost_s = len(self.history), lost_s
        self.best, self.best_weights = -1, []
        if self.ended:
            raise error
        assert self.settings.learning_rate is not None
        print(
            f"warning: {error.args[0]}; begun again after epoch {self.restart}, from a learning "
            f"rate of {RESTART_RATE * self.settings.learning_rate:g}",
            file=sys.stderr,
        )

    def rate(self, steps: int) -> Rate:
        """Learning rates of the next epoch; after a restart smaller ones, over what is left."""
        train = self.settings
        if self.restart is None:
            return Rate(train, len(self.history), steps, self.seconds)
        assert train.learning_rate is not None
        before_s = self.lost_s + seconds_of(self.history[: self.restart])
        left_s = None if train.max_seconds is None else max(train.max_seconds - before_s, 1e-3)
        train = replace(
            train, learning_rate=RESTART_RATE * train.learning_rate, max_seconds=left_s,
            epochs=train.epochs - self.restart,
        )  # fmt: skip
        return Rate(train, len(self.history) - self.restart, steps, self.seconds - before_s)

    def take(self, epoch: Epoch, weights: Callable[[], Weights]) -> None:
        """Add an epoch, and keep its weights if it is the best by validation loss or mIoU."""
        self.history.append(epoch)
        keep = self.settings.keep
        sign = 1 if keep == "loss" else -1
        if self.best < 0 or sign * epoch.val[keep] < sign * self.history[self.best].val[keep]:
            self.best, self.best_weights = epoch.epoch, weights()

    @property
    def ended(self) -> bool:
        """Whether epochs, patience or time are used up."""
        train, done = self.settings, len(self.history)
        waited = done - 1 - max(self.best, (self.restart or 0) - 1)
        return (
            done >= train.epochs
            or (train.patience is not None and waited >= train.patience and done > 0)
            or (train.max_seconds is not None and self.seconds >= train.max_seconds)
        )


def seconds_of(history: Sequence[Epoch]) -> float:
    """Time of training and validation of some epochs."""
    return sum(epoch.seconds + epoch.val_seconds for epoch in history)
