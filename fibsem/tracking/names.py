"""Names of tags and metrics in MLflow, each in one place: what was stored is found by them."""

from __future__ import annotations

# Tags of every run: what made it.
COMMAND, CODE, MACHINE = "fibsem.command", "fibsem.code", "fibsem.machine"
#: Noted before a run begins, so that it is found again; see :mod:`fibsem.tracking.beginning`.
TOKEN = "fibsem.token"
# Of runs on a dataset: the hash of its data, and whether its test squares were scored.
DATA, TEST = "fibsem.data", "fibsem.test"
SCORED = "scored"
# Of a network and its training.
MODEL, NBHD, PADDING = "fibsem.model", "fibsem.nbhd", "fibsem.padding"
MODE, SEED = "fibsem.mode", "fibsem.seed"
#: Address and digest of the weights that it began with, and of the model that it learned from.
INIT, TEACHER = "fibsem.init", "fibsem.teacher"
# Of what came of it.
STATE, REASON = "fibsem.state", "fibsem.reason"
# Of a sweep and its trials: ``SLOT`` is the place in the budget, ``ATTEMPT`` the trial's number.
STUDY, SPACE, BACKEND, SAMPLER = "fibsem.study", "fibsem.space", "fibsem.backend", "fibsem.sampler"
SLOT, ATTEMPT, FAILURES = "fibsem.trial", "fibsem.attempt", "fibsem.failures"
BEST_RUN = "fibsem.best_run"
#: Of a training within a promotion: the run of the trial whose configuration it repeats.
WINNER = "fibsem.winner"
# Of a registered version: facts of its promotion.
DATASET, TEST_MIOU, GATE = "fibsem.dataset", "fibsem.test_all_miou", "fibsem.gate"
#: The weights and settings of its bundle.
IDENTITY = "fibsem.identity"
#: Every time that it became the champion; see :mod:`fibsem.tracking.history`.
CHAMPIONSHIPS = "fibsem.reigns"
#: Of the registered model: the version that is being made its champion.
PENDING = "fibsem.begun"
# MLflow's own.
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"

# What COMMAND says. An evaluation's parent run is of the command, its trainings are of the second.
TRAIN, SWEEP, TRIAL = "train", "sweep", "trial"
EVALUATE, EVALUATION = "evaluate", "evaluation"
PROMOTE, RANKING, FINAL = "promote", "ranking", "final"

# Metrics. Groups before the stroke are those of :class:`fibsem.training.results.TrialResult`.
VAL_LOSS, VAL_MIOU, VAL_ALL_MIOU = "val/loss", "val/miou", "val_all/miou"
VAL_ALL_MEDIAN = "val_all/iou_pore_median"
TRAIN_LOSS, LEARNING_RATE = "train/loss", "train/learning_rate"
EPOCH_S, VAL_S, TRAIN_S = "time/epoch_s", "time/val_s", "time/train_s"
COST, PREDICTED_COST = "cost/seconds_per_gigapixel", "cost/predicted_seconds_per_gigapixel"
COST_OF_PROMOTED = "time/seconds_per_gigapixel"
PARAMETERS, FIELD, EPOCHS, TRIALS = "parameters", "field", "epochs", "trials"
#: Only a promotion logs it.
SIGMA = "postprocessing/sigma"
#: How the names of times begin, which differ from start to start.
TIMES = ("time/", "cost/")


def grouped(group: str, figures: dict[str, float]) -> dict[str, float]:
    """Figures by their names as metrics.

    >>> grouped("val", {"miou": 0.9})
    {'val/miou': 0.9}
    """
    return {f"{group}/{key}": value for key, value in figures.items()}
