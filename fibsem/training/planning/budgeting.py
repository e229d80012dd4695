"""A budget of time becomes a plan, once: a few real steps are timed, the rest follows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fibsem.config import TrainConfig
from fibsem.errors import UserError
from fibsem.training.planning.estimate import duration
from fibsem.training.planning.instead import FEWEST_STEPS, LONG_S
from fibsem.training.planning.plan import Plan
from fibsem.training.planning.probing import Probe
from fibsem.training.planning.stages import Stage
from fibsem.training.results import Epoch

#: Validations of a training, at most, and the most that they take of its time; of one whose end is
#: all that counts: its averaged weights are hardly ever best before.
MOST_EPOCHS, VALIDATING, VALIDATING_WHOLE = 25, 0.1, 0.05


def plan_trainings(
    probed: Probe, budget_s: float, spent_s: float, data: str,
    *, trials: int = 1, each_s: float = 0, instead: Sequence[str] = (), traced: bool = False,
    workers: int = 1,
) -> Plan:  # fmt: skip
    """Trainings of one network that fill what is left of a budget.

    Parameters
    ----------
    probed
        What was timed.
    budget_s, spent_s
        Given, and gone already, the probe included.
    data
        Hash of the dataset.
    trials, each_s
        Trainings, and what else is done for each.
    instead
        What else would do where it is too short.
    traced
        Whether the learner that was timed is trained.
    workers
        Processes that share the trainings, each as fast as what was timed.

    Raises
    ------
    UserError
        If it is too short for them.
    """
    once_s = probed.once_s + each_s - (probed.traced_s if traced else 0)
    turns = Stage(trials, 1).turns(workers)
    epochs, steps = divide(probed, (budget_s - spent_s) / turns - once_s)
    if epochs * steps < FEWEST_STEPS:
        least = once_s + FEWEST_STEPS * probed.step_s + probed.validation_s
        what = "one training" if trials == 1 else f"{trials} trainings"
        raise UserError(
            f"`budget` must be at least {math.ceil(1.1 * (spent_s + turns * least))}s for {what} "
            f"of this network on this machine, but got {budget_s:g}s; the choices are "
            f"{', '.join(['a longer one', *instead])} or a smaller network."
        )
    return Plan(
        budget_s, data, trials, epochs, steps, probed.step_s, probed.validation_s, once_s,
        workers=workers,
    )  # fmt: skip


def divide(probed: Probe, seconds: float) -> tuple[int, int]:
    """Epochs and their steps that fill some seconds; validations take a twentieth of it at most."""
    if seconds <= probed.validation_s:
        return 1, 0
    most = min(max(1, int(VALIDATING_WHOLE * seconds / probed.validation_s)), MOST_EPOCHS)

    def filled(epochs: int) -> tuple[int, int]:
        return epochs, int((seconds / epochs - probed.validation_s) / probed.step_s)

    # of as many epochs and of some fewer, those whose whole steps leave the least time over
    return max(map(filled, range(-(-most // 2), most + 1)), key=probed.seconds_of)


def forecast(first: Epoch, train: TrainConfig) -> str | None:
    """What a training that has no budget will take, by its first epoch; None below an hour."""
    seconds = train.epochs * (first.seconds + first.val_seconds)
    if train.max_seconds is not None or seconds <= LONG_S:
        return None
    done = int(LONG_S / (first.seconds + first.val_seconds))
    return (
        f"up to {duration(seconds)} for {train.epochs} epochs; budget=1h would plan a training of "
        f"about {max(1, done)} of them instead"
    )
