"""Time a few real steps of a configuration, from which the plan of a budget is made."""

from __future__ import annotations

import time
from dataclasses import dataclass

import keras

from fibsem.inference.model.cost import (
    SIDE,
    pixels_per_second,
    predicted_seconds_per_gigapixel,
)
from fibsem.inference.model.predict import BlockScorer
from fibsem.system.interrupts import uninterrupted
from fibsem.training.material.feeding import as_dataset, epoch_batches
from fibsem.training.material.material import Material
from fibsem.training.scoring.estimating import estimator
from fibsem.training.steps.fit import AfterStep
from fibsem.training.steps.learner import Learner
from fibsem.training.steps.optimizer import Rate
from fibsem.training.steps.registered import forgotten

#: Share of the budget spent on timing steps, and its minimum and maximum in seconds.
TIMED, TIMED_S = 0.03, (1.0, 10.0)
#: Step time in a long training over that of the few timed steps, as caches and clocks settle.
#: Measured 1.03, 1.05 and 1.19 on two cores.
SETTLED = 1.05


@dataclass(frozen=True)
class Probe:
    """Measured seconds of a step, of a validation, and of work done once per training.

    Attributes
    ----------
    once_s
        Seconds to build and trace the network, and to score the one that is kept.
    pixel_s
        Seconds per pixel when whole squares are scored.
    traced_s
        Part of ``once_s`` for building and tracing, saved if the probe's learner is then trained.
    parameters
        Number of parameters of the network.
    goes_on
        See :class:`~fibsem.training.planning.plan.Plan`; 1 for a single network.
    """

    step_s: float
    validation_s: float
    once_s: float
    pixel_s: float
    traced_s: float = 0.0
    parameters: float = 0.0
    goes_on: float = 1.0

    def seconds_of(self, epochs_steps: tuple[int, int]) -> float:
        """Return the seconds of a training of (epochs, steps per epoch), with validations."""
        epochs, steps = epochs_steps
        return epochs * (steps * self.step_s + self.validation_s)


def half_of(budget_s: float, step_s: float) -> int:
    """Return half of the number of steps to time.

    They are timed in two halves, a validation apart, and the quicker half counts: other work may
    slow the machine down for a second or two, which made single measurements up to 1.45 times as
    long as the steps of the training.

    Examples
    --------
    >>> half_of(60.0, 0.02), half_of(3600.0, 0.02), half_of(1.0, 5.0)
    (45, 250, 3)
    """
    wanted_s = min(max(TIMED * budget_s, TIMED_S[0]), TIMED_S[1])
    return min(max(3, round(0.5 * wanted_s / step_s)), 1000)


@uninterrupted()
@forgotten()
def probe(material: Material, budget_s: float, learner: Learner | None = None) -> Probe:
    """Time real steps, a validation and the final scoring of a configuration.

    The steps are made by ``learner`` if one of this configuration is given;
    :func:`~fibsem.training.train` resets it before training.

    Examples
    --------
    ```python
    config = Configuration(compose("train", ["data=demo", "nbhd=33x33x3"])).run
    timed = probe(Material(obtain(config.data, config.split), config), budget_s=60.0)
    1000 * timed.step_s + timed.validation_s
    ```
    """
    config, began, lent = material.config, time.perf_counter(), learner is not None
    learner = learner or Learner.of(config)
    batches, _ = epoch_batches(material, 0)
    score = estimator(material, "val")
    dataset = as_dataset(batches).repeat()  # an epoch may have fewer steps than are timed

    def steps(count: int) -> float:
        started = time.perf_counter()
        learner.steps.fit(
            dataset, steps_per_epoch=count, epochs=1, verbose=0, shuffle=False,
            callbacks=[Rate(config.train, 0, count, 0.0), AfterStep(learner)],
        )  # fmt: skip
        return time.perf_counter() - started

    def scored() -> float:
        started = time.perf_counter()
        learner.settle(batches(whole=True))
        score(learner.forward)
        return time.perf_counter() - started

    steps(2)
    scored()
    traced_s = time.perf_counter() - began
    predicted_seconds_per_gigapixel(config.spec)
    scorer = BlockScorer(config.spec, learner.scored)
    pixel_s = 1 / pixels_per_second(scorer, SIDE[scorer.mode])  # squares are not larger
    once_s = time.perf_counter() - began
    count = half_of(budget_s, steps(3) / 3)
    before_s, validation_s, after_s = steps(count), scored(), steps(count)
    step_s = SETTLED * min(before_s, after_s) / count
    parameters = learner.scored.count_params()
    if not lent:
        keras.backend.clear_session()
    once_s += validation_s  # the kept network is scored once more
    return Probe(step_s, validation_s, once_s, pixel_s, traced_s, parameters)
