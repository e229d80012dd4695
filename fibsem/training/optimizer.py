"""Optimisers by name, and the learning rate of every step."""

from __future__ import annotations

import time

import keras

from fibsem.config import TrainConfig
from fibsem.training.muon import Muon

#: Layer that gives the probabilities: its steps are AdamW's, as of the last layer in the papers.
SCORE = "score"


def make_optimizer(how: TrainConfig) -> keras.optimizers.Optimizer:
    """The optimiser by its name in ``train.optimizer``; longer gradients are cut to ``clip``."""
    rate, clip = how.learning_rate, {"global_clipnorm": how.clip}
    if how.optimizer == "adam":
        return keras.optimizers.Adam(rate, **clip)
    if how.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=how.weight_decay, **clip)
    if how.optimizer == "muon":
        decay = {"weight_decay": how.weight_decay, "adam_weight_decay": how.weight_decay}
        return Muon(rate, exclude_layers=[SCORE], momentum=how.momentum, **decay, **clip)
    if how.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(rate, momentum=0.0, **clip)
    nesterov = how.optimizer == "nesterov"
    return keras.optimizers.SGD(rate, momentum=how.momentum, nesterov=nesterov, **clip)


class Rate(keras.callbacks.Callback):
    """Sets the learning rate of every step of one epoch.

    Parameters
    ----------
    how
        Its schedule.
    epoch, steps
        Number of the epoch, from 0, and of its steps.
    spent
        Seconds that the training has taken before.
    """

    def __init__(self, how: TrainConfig, epoch: int, steps: int, spent: float) -> None:
        super().__init__()
        self.how, self.epoch, self.steps, self.spent = how, epoch, steps, spent
        self.started, self.last = time.perf_counter(), 0.0

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        """Before a step."""
        seconds = self.spent + time.perf_counter() - self.started
        rate = self.how.learning_rate_of(self.epoch, batch, self.steps, seconds)
        if rate != self.last:
            self.model.optimizer.learning_rate.assign(rate)
        self.last = rate
