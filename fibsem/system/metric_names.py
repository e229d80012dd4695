"""Names of metrics, as users type them, reports print them and MLflow stores them, each once.

What is before the slash is the group of a :class:`fibsem.training.results.TrialResult`.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Beginnings of the names of groups: all labelled validation pixels, times, and costs.
OF_ALL, OF_TIME, OF_COST = "val_all/", "time/", "cost/"

# Of a training.
VAL_LOSS, VAL_MIOU, VAL_ACCURACY = "val/loss", "val/miou", "val/accuracy"
VAL_ALL_MIOU, VAL_ALL_MEDIAN = f"{OF_ALL}miou", f"{OF_ALL}iou_pore_median"
VAL_ALL_BIAS = f"{OF_ALL}porosity_bias"
TRAIN_LOSS, LEARNING_RATE = "train/loss", "train/learning_rate"
EPOCH_S, VAL_S, TRAIN_S = f"{OF_TIME}epoch_s", f"{OF_TIME}val_s", f"{OF_TIME}train_s"
COST = f"{OF_COST}seconds_per_gigapixel"
COST_OF_PROMOTED = f"{OF_TIME}seconds_per_gigapixel"
PARAMETERS, FIELD, EPOCHS, TRIALS = "parameters", "field", "epochs", "trials"
# Of a sweep, a group each: figures of its best trial, and importance of its hyperparameters.
BEST, IMPORTANCE = "best", "importance"
#: Logged only by a promotion.
SIGMA = "postprocessing/sigma"
# Of a film that a promotion segments, a group each; the name of the film follows.
POROSITY, POROSITY_LOW, POROSITY_HIGH = "porosity", "porosity_low", "porosity_high"
CORRECTED = "porosity_corrected"
CORRECTED_LOW, CORRECTED_HIGH = "porosity_corrected_low", "porosity_corrected_high"
#: Beginnings of the names of times, which differ between repeated runs.
TIMES = (OF_TIME, OF_COST)


def grouped(group: str, figures: Mapping[str, float]) -> dict[str, float]:
    """Return figures by their metric names, with the group before a slash.

    >>> grouped("val", {"miou": 0.9})
    {'val/miou': 0.9}
    """
    return {f"{group}/{key}": value for key, value in figures.items()}
