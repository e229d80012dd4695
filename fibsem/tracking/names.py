"""Names of tags and metrics in MLflow, each defined once: stored runs are found by them."""

from __future__ import annotations

# Tags of every run: its origin.
COMMAND, CODE, MACHINE = "fibsem.command", "fibsem.code", "fibsem.machine"
#: Written down before a run is created, to find it again; see :mod:`fibsem.tracking.beginning`.
TOKEN = "fibsem.token"
# Tags of runs on a dataset: hash of the data, and whether the test squares were scored.
DATA, TEST = "fibsem.data", "fibsem.test"
SCORED = "scored"
# Tags of a network and its training.
MODEL, NBHD, PADDING = "fibsem.model", "fibsem.nbhd", "fibsem.padding"
MODE, SEED = "fibsem.mode", "fibsem.seed"
#: Address and digest of the initial weights, and of the teacher.
INIT, TEACHER = "fibsem.init", "fibsem.teacher"
# Tags of the outcome.
STATE, REASON = "fibsem.state", "fibsem.reason"
# Tags of a sweep and its trials: ``SLOT`` is the place in the budget, ``ATTEMPT`` the trial number.
STUDY, SPACE, BACKEND, SAMPLER = "fibsem.study", "fibsem.space", "fibsem.backend", "fibsem.sampler"
SLOT, ATTEMPT, FAILURES = "fibsem.trial", "fibsem.attempt", "fibsem.failures"
BEST_RUN = "fibsem.best_run"
#: Tag of a training within a promotion: run of the trial whose configuration it repeats.
WINNER = "fibsem.winner"
# Tags of a registered version: facts of its promotion.
DATASET, TEST_MIOU, GATE = "fibsem.dataset", "fibsem.test_all_miou", "fibsem.gate"
#: Identity of the weights and settings in its bundle.
IDENTITY = "fibsem.identity"
#: All changes that made it the champion; see :mod:`fibsem.tracking.history`.
CHAMPIONSHIPS = "fibsem.reigns"
#: Tag of the registered model: version that is being made the champion.
PENDING = "fibsem.begun"
# Tags of MLflow.
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"

# Values of COMMAND. An evaluation's parent run has the first value, its trainings the second.
TRAIN, SWEEP, TRIAL = "train", "sweep", "trial"
EVALUATE, EVALUATION = "evaluate", "evaluation"
PROMOTE, RANKING, FINAL = "promote", "ranking", "final"

# Metrics. Groups before the slash are those of :class:`fibsem.training.results.TrialResult`.
VAL_LOSS, VAL_MIOU, VAL_ALL_MIOU = "val/loss", "val/miou", "val_all/miou"
VAL_ALL_MEDIAN = "val_all/iou_pore_median"
TRAIN_LOSS, LEARNING_RATE = "train/loss", "train/learning_rate"
EPOCH_S, VAL_S, TRAIN_S = "time/epoch_s", "time/val_s", "time/train_s"
COST, PREDICTED_COST = "cost/seconds_per_gigapixel", "cost/predicted_seconds_per_gigapixel"
COST_OF_PROMOTED = "time/seconds_per_gigapixel"
PARAMETERS, FIELD, EPOCHS, TRIALS = "parameters", "field", "epochs", "trials"
#: Logged only by a promotion.
SIGMA = "postprocessing/sigma"
#: Prefixes of metrics that are times, which differ between repeated runs.
TIMES = ("time/", "cost/")


def grouped(group: str, figures: dict[str, float]) -> dict[str, float]:
    """Return figures by their metric names, with the group before a slash.

    >>> grouped("val", {"miou": 0.9})
    {'val/miou': 0.9}
    """
    return {f"{group}/{key}": value for key, value in figures.items()}
