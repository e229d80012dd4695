"""Names of tags in MLflow, each defined once: stored runs are found by them.

Names of metrics, which ranks below need as well, are in :mod:`fibsem.system.metric_names`.
"""

from __future__ import annotations

# Tags of every run: what made it.
COMMAND, CODE, MACHINE = "fibsem.command", "fibsem.code", "fibsem.machine"
#: Written down before a run is created, to find it again; see :mod:`fibsem.tracking.run_notes`.
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
# Tags of a sweep and its trials: ``SLOT`` is a number in the budget, ``ATTEMPT`` that of a trial.
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
CHAMPION_SINCE = "fibsem.champion_since"
#: The same tag as earlier versions wrote it.
FORMER_CHAMPION_SINCE = "fibsem.reigns"
#: Tag of the registered model: version that is being made the champion.
PENDING = "fibsem.begun"
# Tags of MLflow.
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"

# Values of COMMAND. An evaluation's parent run has the first value, its trainings the second.
TRAIN, SWEEP, TRIAL = "train", "sweep", "trial"
EVALUATE, EVALUATION = "evaluate", "evaluation"
PROMOTE, RANKING, FINAL = "promote", "ranking", "final"
