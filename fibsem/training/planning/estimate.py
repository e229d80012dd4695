"""Estimate how long a training takes by timing a few of its real steps."""

from __future__ import annotations

import time
from dataclasses import dataclass

from fibsem.system.interrupts import uninterrupted
from fibsem.training.material.feeding import as_dataset, epoch_batches
from fibsem.training.material.material import Material
from fibsem.training.scoring.features import fit_features
from fibsem.training.steps import traced
from fibsem.training.steps.learner import Learner
from fibsem.training.steps.registered import forgotten

#: Steps that are timed after the first one, which compiles.
TIMED_STEPS = 5
#: Seconds of a trial outside its epochs: tracing, scoring of all labelled pixels, logging.
OVERHEAD_S = 10.0


@dataclass(frozen=True)
class TimeEstimate:
    """Measured seconds per step, and the length of the longest training that the settings allow.

    A model that is fitted ``at_once`` counts as one epoch of one step.
    """

    step_s: float
    steps: int
    epochs: int
    max_seconds: float | None
    at_once: bool = False

    @property
    def epoch_s(self) -> float:
        """Seconds of one epoch, with a tenth added for validation, which takes less."""
        return 1.1 * self.step_s * self.steps

    @property
    def trial_s(self) -> float:
        """Seconds of a training that uses all of its epochs, or its maximum time."""
        return self.training_s(self.epochs)

    def training_s(self, epochs: int) -> float:
        """Return the seconds of a training of ``epochs`` epochs, limited by its maximum time."""
        longest = self.epoch_s * epochs
        if self.max_seconds is not None:
            longest = min(longest, self.max_seconds)
        return longest + OVERHEAD_S

    def sentence(self) -> str:
        """Return the estimate as a sentence for the user."""
        if self.at_once:
            return f"estimated time per trial: {duration(self.trial_s)} with the default model"
        return (
            f"estimated time per trial: up to {duration(self.trial_s)} with the default network "
            f"({in_steps(self.epochs, self.steps)}, {1000 * self.step_s:.0f} ms a step; early "
            "stopping usually needs a third of it)"
        )


@uninterrupted()
@forgotten()
def estimate_training(material: Material) -> TimeEstimate:
    """Time a few steps of the default network of a configuration."""
    config = material.config
    if not config.spec.is_network:  # fitted in a single pass, which is timed as a whole
        started = time.perf_counter()
        fit_features(material)
        return TimeEstimate(time.perf_counter() - started, 1, 1, None, at_once=True)
    computed = traced.Computation(config.spec, config.train.updates, material.step_shape)
    learner = Learner.of(config, steps=traced.take(computed))
    batches, steps = epoch_batches(material, 0)
    dataset = as_dataset(batches).repeat()  # an epoch may have fewer steps than are timed
    for count in (1, TIMED_STEPS):  # the first compiles
        started = time.perf_counter()
        learner.steps.fit(dataset, steps_per_epoch=count, epochs=1, verbose=0, shuffle=False)
    step_s = (time.perf_counter() - started) / TIMED_STEPS
    traced.leave(computed, learner)
    return TimeEstimate(step_s, steps, config.train.epochs, config.train.max_seconds)


def in_steps(epochs: int, steps: int, trainings: int = 1) -> str:
    """Format the length of some trainings in epochs and steps.

    >>> in_steps(40, 100), in_steps(40, 100, trainings=5)
    ('40 epochs of 100 steps, 4000 in all', '40 epochs of 100 steps, 20000 in all')
    """
    total = trainings * epochs * steps
    return f"{epochs} epoch{'s' * (epochs > 1)} of {steps} steps, {total} in all"


def duration(seconds: float, *, exact: bool = False) -> str:
    """Format a duration in seconds, minutes or hours; ``exact`` adds a decimal to minutes.

    >>> duration(42), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    >>> duration(148, exact=True)
    '2.5 min'
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.{int(exact)}f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
