"""Before a command of over an hour, tell what a budget of one hour would do instead."""

from __future__ import annotations

import math

from fibsem.training.material.material import Material
from fibsem.training.planning.estimate import OVERHEAD_S, TimeEstimate, estimate_training, in_steps

#: Seconds above which a command tells what a budget would do instead.
LONG_S = 3600.0
#: Steps of the shortest training that is worth running.
FEWEST_STEPS = 20
#: Trainings of fewer steps are not timed in advance: they take less than `LONG_S`, and the first
#: epoch shows how long.
SURELY_SHORT = 2000
#: Minimum share of the time that validation leaves for training.
TRAINED = 0.9


def said_first(material: Material, trainings: int = 1) -> str | None:
    """Return a note on the length of trainings without a budget; None for none.

    There is none for models that are not networks, nor if time limits keep the trainings below an
    hour. Trainings that may exceed an hour are estimated by timing a few steps, whose traced
    functions the training reuses.
    """
    config = material.config
    limit_s = math.inf if config.train.max_seconds is None else config.train.max_seconds
    if not config.spec.is_network or trainings * limit_s <= LONG_S:
        return None
    count, each = ("", "") if trainings == 1 else (f"{trainings} trainings, ", "each ")
    steps = f"{count}{each}at most {in_steps(config.train.epochs, material.steps, trainings)}"
    if is_surely_short(material, trainings):
        return steps
    estimate = estimate_training(material)
    if trainings * estimate.trial_s <= LONG_S:
        return steps
    return f"{count}{estimate.sentence()}\n{instead(estimate, trainings)}"


def is_surely_short(material: Material, trainings: int = 1) -> bool:
    """Whether the trainings have too few steps to be worth timing in advance."""
    return trainings * material.config.train.epochs * material.steps < SURELY_SHORT


def instead(estimate: TimeEstimate, trainings: int | None = None) -> str:
    """Describe what a budget of one hour would do instead of a longer command.

    Parameters
    ----------
    estimate
        Time estimate of one training.
    trainings
        Number of trainings; None if the budget sets it too.
    """
    if estimate.at_once:
        done = max(1, int(LONG_S / estimate.trial_s))
        return f"budget=1h would do about {done} of them, and begin none after an hour, instead"
    each_s = 6 * OVERHEAD_S + 1000 * estimate.step_s
    count = trainings or max(1, int(LONG_S / each_s))
    steps = int((TRAINED * LONG_S / count - OVERHEAD_S) / estimate.step_s)
    aim = "a training" if count == 1 else f"{count} trainings"
    if steps < FEWEST_STEPS:
        return f"budget=1h is too short for {aim}: a smaller network would do"
    about = "about " if trainings is None else ""
    return f"budget=1h would do {about}{aim} of {steps} steps instead"
