"""Optimisers by name, and the learning rate of every step."""

from __future__ import annotations

import time

import keras

from fibsem.config.schedule import Schedule
from fibsem.config.updates import Updates
from fibsem.training.steps.muon import Muon

#: Output layer: Muon updates it with AdamW, as the papers do for the last layer.
SCORE = "score"


def make_optimizer(updates: Updates, rate: float) -> keras.optimizers.Optimizer:
    """Create an optimiser with a first learning rate; gradients are clipped to a global norm."""
    clip = {"global_clipnorm": updates.clip}
    if updates.optimizer == "adam":
        return keras.optimizers.Adam(rate, **clip)
    if updates.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=updates.weight_decay, **clip)
    if updates.optimizer == "muon":
        decay = {"weight_decay": updates.weight_decay, "adam_weight_decay": updates.weight_decay}
        return Muon(rate, exclude_layers=[SCORE], momentum=updates.momentum, **decay, **clip)
    if updates.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(rate, momentum=0.0, **clip)
    nesterov = updates.optimizer == "nesterov"
    return keras.optimizers.SGD(rate, momentum=updates.momentum, nesterov=nesterov, **clip)


class Rate(keras.callbacks.Callback):
    """Keras callback that sets the learning rate of every step in one epoch.

    Parameters
    ----------
    schedule
        Learning rates of the training.
    epoch, steps
        Number of the epoch, from 0, and its number of steps.
    spent
        Seconds that the training has taken before this epoch.
    """

    def __init__(self, schedule: Schedule, epoch: int, steps: int, spent: float) -> None:
        super().__init__()
        self.schedule, self.epoch, self.steps, self.spent = schedule, epoch, steps, spent
        self.started, self.last = time.perf_counter(), 0.0

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        """Set the learning rate before a step."""
        seconds = self.spent + time.perf_counter() - self.started
        rate = self.schedule.of_step(self.epoch, batch, self.steps, seconds)
        if rate != self.last:
            self.model.optimizer.learning_rate.assign(rate)
        self.last = rate
