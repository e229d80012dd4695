"""What takes over an hour says first what a budget of an hour would do instead."""

from __future__ import annotations

import math

from fibsem.training.material.material import Material
from fibsem.training.planning.estimate import OVERHEAD_S, TimeEstimate, estimate_training, in_steps

#: Seconds from which on a command says what a budget would do instead.
LONG_S = 3600.0
#: Steps of the shortest training that is worth its name.
FEWEST_STEPS = 20
#: No training of so few steps takes longer than `LONG_S`: the first epoch tells its time.
SURELY_SHORT = 2000
#: What validation leaves of the time, at least.
TRAINED = 0.9


def said_first(material: Material, trainings: int = 1) -> str | None:
    """What is said before some trainings of networks that have no budget: how long they may be.

    Where they may take more than an hour, a few steps are timed; those of the training behind them
    are traced by then.
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
    """Whether some trainings have so few steps that nobody times any before."""
    return trainings * material.config.train.epochs * material.steps < SURELY_SHORT


def instead(estimate: TimeEstimate, trainings: int | None = None) -> str:
    """What a budget of an hour would do in place of something that takes longer.

    Parameters
    ----------
    estimate
        Of one training.
    trainings
        How many there are; None where a budget sets their number, too.
    """
    if estimate.at_once:
        done = max(1, int(LONG_S / estimate.trial_s))
        return f"budget=1h would do about {done} of them, and begin none after an hour, instead"
    each_s = 6 * OVERHEAD_S + 1000 * estimate.step_s
    count = trainings or max(1, int(LONG_S / each_s))
    steps = int((TRAINED * LONG_S / count - OVERHEAD_S) / estimate.step_s)
    what = "a training" if count == 1 else f"{count} trainings"
    if steps < FEWEST_STEPS:
        return f"budget=1h is too short for {what}: a smaller network would do"
    about = "about " if trainings is None else ""
    return f"budget=1h would do {about}{what} of {steps} steps instead"
