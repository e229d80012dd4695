"""Turn a time budget into a plan by timing a few real training steps."""

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

#: Maximum number of validations of a training, and their maximum share of its time. The last figure
#: is for trainings whose averaged weights are hardly ever best before the end.
MOST_EPOCHS, VALIDATING, VALIDATING_WHOLE = 25, 0.1, 0.05
#: Minimum number of epochs, as far as their validations take no more than `VALIDATING`: what a kill
#: or a divergence costs is at most an epoch.
FEWEST_EPOCHS = 4


def plan_trainings(
    probed: Probe, budget_s: float, spent_s: float, data: str,
    *, trials: int = 1, each_s: float = 0, instead: Sequence[str] = (), traced: bool = False,
    workers: int = 1,
) -> Plan:  # fmt: skip
    """Plan trainings of one network that fill the rest of a budget.

    Parameters
    ----------
    probed
        Measured times.
    budget_s, spent_s
        Given time, and time already spent including the probe, in seconds.
    data
        Hash of the dataset.
    trials, each_s
        Number of trainings, and seconds of other work for each.
    instead
        Alternatives that the error message offers for a budget that is too short.
    traced
        Whether the timed learner is the one that is trained, so that it is not traced again.
    workers
        Processes that share the trainings, each as fast as the probe.

    Raises
    ------
    UserError
        If the budget is too short for the trainings.
    """
    once_s = probed.once_s + each_s - (probed.traced_s if traced else 0)
    turns = Stage(trials, 1).turns(workers)
    epochs, steps = divide(probed, (budget_s - spent_s) / turns - once_s)
    if epochs * steps < FEWEST_STEPS:
        least = once_s + FEWEST_STEPS * probed.step_s + probed.validation_s
        aim = "one training" if trials == 1 else f"{trials} trainings"
        raise UserError(
            f"`budget` must be at least {math.ceil(1.1 * (spent_s + turns * least))}s for {aim} "
            f"of this network on this machine, but got {budget_s:g}s; the choices are "
            f"{', '.join(['a longer one', *instead])} or a smaller network."
        )
    return Plan(
        budget_s, data, trials, epochs, steps, probed.step_s, probed.validation_s, once_s,
        workers=workers,
    )  # fmt: skip


def divide(probed: Probe, seconds: float) -> tuple[int, int]:
    """Return epochs and steps per epoch that fill the time.

    A twentieth at most is validation, or a tenth if there were fewer than :data:`FEWEST_EPOCHS`.
    """
    if seconds <= probed.validation_s:
        return 1, 0

    def within(share: float) -> int:
        return max(1, int(share * seconds / probed.validation_s))

    def filled(epochs: int) -> tuple[int, int]:
        return epochs, int((seconds / epochs - probed.validation_s) / probed.step_s)

    least = min(within(VALIDATING), FEWEST_EPOCHS)
    most = max(least, min(within(VALIDATING_WHOLE), MOST_EPOCHS))
    # between half and all of these epochs, choose the number whose whole steps leave the least time
    choices = map(filled, range(max(least, -(-most // 2)), most + 1))
    enough = [(epochs, steps) for epochs, steps in choices if epochs * steps >= FEWEST_STEPS]
    return max(enough or [filled(1)], key=probed.seconds_of)


def forecast(first: Epoch, train: TrainConfig) -> str | None:
    """Describe from the first epoch how long a training without a time limit may take.

    Return None if that is at most an hour, or if there is a limit.
    """
    seconds = train.epochs * (first.seconds + first.val_seconds)
    if train.max_seconds is not None or seconds <= LONG_S:
        return None
    done = int(LONG_S / (first.seconds + first.val_seconds))
    return (
        f"up to {duration(seconds)} for {train.epochs} epochs; budget=1h would plan a training of "
        f"about {max(1, done)} of them instead"
    )
