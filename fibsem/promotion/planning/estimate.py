"""Expected time of a promotion without a budget, if it is over an hour."""

from __future__ import annotations

import math

from fibsem.config import Configuration, TrainConfig
from fibsem.data.dataset.dataset import Dataset
from fibsem.promotion.candidates import Candidates
from fibsem.promotion.planning.budget import final_trainings, labelled_px
from fibsem.promotion.planning.cost import volumes_px
from fibsem.training.planning.estimate import duration
from fibsem.training.planning.instead import FEWEST_STEPS, LONG_S


def foretold(configuration: Configuration, candidates: Candidates, dataset: Dataset) -> str | None:
    """Describe the expected time of a promotion without a budget; None if it is under an hour.

    Nothing is timed: the estimate follows from the times of the trials in MLflow, and that of a
    final training from the slowest of them. At least one candidate must be a network.
    """
    slowest = candidates.slowest
    assert slowest is not None
    slow, train = candidates.each[slowest], candidates.each[slowest].final.train
    each_s = slow.epoch_s * train.epochs * _longer(slow.trained, train, dataset)
    each_s = min(each_s, train.max_seconds or math.inf)
    count = final_trainings(configuration.promotion, candidates.architectures)
    once_s = sum(candidate.train_s for candidate in candidates.each)
    again_s = configuration.rank.seeds * once_s if len(candidates.each) > 1 else 0.0
    pixels = volumes_px(configuration, dataset) if configuration.promotion.segment else 0
    volumes_s = pixels * slow.seconds_per_gigapixel / 1e9
    parts = {"trials anew": again_s, "final trainings": count * each_s, "volumes": volumes_s}
    if (total_s := sum(parts.values())) <= LONG_S:
        return None
    times = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts.items())
    left_s = LONG_S - again_s - volumes_s
    instead = f"budget=1h would leave {duration(left_s)} to the final trainings instead"
    if left_s < count * FEWEST_STEPS:  # a step may take a second
        instead = "budget=1h is too short for a promotion like this: rank.k=1 or segment=false"
    return f"estimated time: {duration(total_s)} ({times})\n{instead}"


def _longer(before: TrainConfig, final: TrainConfig, dataset: Dataset) -> float:
    """Return the steps in an epoch of the final training relative to the trial."""
    labelled = labelled_px(dataset, before.steps, final.steps)
    return final.epoch_length.steps_of(labelled) / before.epoch_length.steps_of(labelled)
