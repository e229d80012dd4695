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
TIMED, TIMED_S = 0.05, (1.0, 10.0)
#: Number of parts in which steps are timed.
PARTS = 3


@dataclass(frozen=True)
class Probe:
    """Measured seconds of a step, of a validation, and of work done once per training.

    Attributes
    ----------
    validation_s
        Seconds of an epoch beside its steps: draws, start, statistics and validation.
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


def part_of(budget_s: float, step_s: float) -> int:
    """Return the number of steps in each of the :data:`PARTS` parts that are timed.

    The part that is neither the slowest nor the quickest counts. The first seconds of a process are
    slower (2dcnn of 33 x 33 x 3 on two cores: 31 ms a step two seconds after its first, 18 ms after
    seven), and the speed of a machine changes from second to second (U-Net: 29 to 41 ms), so
    that the quickest part promised up to 1.25 times the steps that a training then made.

    Examples
    --------
    >>> part_of(60.0, 0.02), part_of(3600.0, 0.02), part_of(1.0, 5.0)
    (50, 167, 4)
    """
    wanted_s = min(max(TIMED * budget_s, TIMED_S[0]), TIMED_S[1])
    return min(max(4, round(wanted_s / PARTS / step_s)), 1000)


class Laps(keras.callbacks.Callback):
    """Keras callback that notes when an epoch begins and each of its steps ends."""

    def __init__(self) -> None:
        super().__init__()
        self.times = [time.perf_counter()]

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Note the end of a step."""
        self.times.append(time.perf_counter())

    @property
    def start_s(self) -> float:
        """Seconds of the first step beyond those of the others: the first batch has to be made."""
        return max(0.0, self.times[1] - self.times[0] - self.step_s)

    @property
    def step_s(self) -> float:
        """Mean time of the steps after the first one, in seconds."""
        return (self.times[-1] - self.times[1]) / (len(self.times) - 2)


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

    def steps(count: int) -> Laps:
        laps = Laps()
        learner.steps.fit(
            dataset, steps_per_epoch=count, epochs=1, verbose=0, shuffle=False,
            callbacks=[Rate(config.train.rates, 0, count, 0.0), AfterStep(learner), laps],
        )  # fmt: skip
        return laps

    def scored() -> float:
        started = time.perf_counter()
        epoch_batches(material, 0)  # every epoch draws its windows or pixels
        learner.settle(batches(as_scored=True))
        score(learner.forward)
        return time.perf_counter() - started

    steps(2)
    scored()
    traced_s = time.perf_counter() - began
    predicted_seconds_per_gigapixel(config.spec)
    scorer = BlockScorer(config.spec, learner.scored)
    pixel_s = 1 / pixels_per_second(scorer, SIDE[scorer.mode])  # labelled squares are rarely larger
    once_s = time.perf_counter() - began
    count = part_of(budget_s, steps(3).step_s)
    before, validation_s, *after = steps(count), scored(), steps(count), steps(count)
    middle = sorted([before, *after], key=lambda laps: laps.step_s)[PARTS // 2]
    step_s, validation_s = middle.step_s, validation_s + middle.start_s
    parameters = learner.scored.count_params()
    if not lent:
        keras.backend.clear_session()
    once_s += validation_s  # the kept network is scored once more
    return Probe(step_s, validation_s, once_s, pixel_s, traced_s, parameters)
