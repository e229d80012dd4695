"""A few real steps of a configuration are timed: what the plan of a budget is made from."""

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

#: Share of the budget in which steps are timed, and the least and the most seconds.
TIMED, TIMED_S = 0.03, (1.0, 10.0)
#: What a step takes in a long training against the few that are timed: caches and clocks settle.
#: Measured 1.03, 1.05 and 1.19 on two cores.
SETTLED = 1.05


@dataclass(frozen=True)
class Probe:
    """Seconds that were measured: of a step, of a validation, and of what is done once.

    Attributes
    ----------
    once_s
        Building, tracing and the scores of the network that a training keeps.
    pixel_s
        Of a pixel of whole squares.
    traced_s
        Of ``once_s``, building and tracing: done already where the probe's learner is trained.
    parameters
        Of the network.
    goes_on
        See :class:`~fibsem.training.planning.plan.Plan`; 1 of a single network.
    """

    step_s: float
    validation_s: float
    once_s: float
    pixel_s: float
    traced_s: float = 0.0
    parameters: float = 0.0
    goes_on: float = 1.0

    def seconds_of(self, epochs_steps: tuple[int, int]) -> float:
        """Seconds of some epochs of so many steps."""
        epochs, steps = epochs_steps
        return epochs * (steps * self.step_s + self.validation_s)


@uninterrupted()
@forgotten()
def probe(material: Material, budget_s: float, learner: Learner | None = None) -> Probe:
    """Time real steps, a validation and the last scores of a configuration.

    With a ``learner`` of this configuration it is that one which makes the steps; it begins anew
    where it is trained.

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
    dataset = as_dataset(batches).repeat()  # an epoch may be shorter than what is timed

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
    pixel_s = 1 / pixels_per_second(scorer, SIDE[scorer.mode])  # squares are no larger
    once_s = time.perf_counter() - began
    step_s = steps(3) / 3
    wanted = min(max(TIMED * budget_s, TIMED_S[0]), TIMED_S[1])
    count = min(max(3, round(wanted / step_s)), 2000)
    step_s = SETTLED * steps(count) / count
    validation_s, parameters = scored(), learner.scored.count_params()
    if not lent:
        keras.backend.clear_session()
    once_s += validation_s  # what is kept is scored once more
    return Probe(step_s, validation_s, once_s, pixel_s, traced_s, parameters)
