"""A worker of a sweep without any training: what is tested are the slots. Run as a process."""

import random
import sys
import time
from collections import Counter
from pathlib import Path

from fibsem.config import SearchConfig
from fibsem.search.space.space import Choice, Range, Space
from fibsem.search.studies.optuna_study import OptunaStudy
from fibsem.search.studies.samplers import objectives
from fibsem.search.studies.slots import filled
from fibsem.search.studies.trial_record import TrialRecord

#: Studies to be closed at the end of a test.
OPENED = []


def space():
    axes = {"model.blocks": Choice((1, 2, 3)), "train.learning_rate": Range(0.001, 0.1, log=True)}
    return Space("test", axes, ("model.blocks",), 2, lambda values: True)


def open_study(storage, folder, trials, **more):
    search = SearchConfig(
        objectives=("val/loss",), trials=trials, storage=storage, retries=100, heartbeat_s=0.2,
        grace_s=2, **more,
    )  # fmt: skip
    study = OptunaStudy("test", Path(folder), search, space(), objectives(search.objectives))
    OPENED.append(study)
    return study


def value_of(values):
    return values["model.blocks"] + values["train.learning_rate"]


def work(study, pause):
    while filled(study.attempts()) < study.search.trials:
        study.recover()
        study.open_slots()
        attempt = study.claim()
        if attempt is None:
            if not any(a.state == "running" for a in study.attempts()):
                return
            time.sleep(0.05)
            continue
        time.sleep(random.random() * pause)
        study.complete(attempt, [value_of(attempt.values)], TrialRecord())


def check(study, trials):
    """Exactly the budget, one filled attempt a slot, nothing left open."""
    attempts = [a for a in study.attempts() if not a.duplicate]
    complete = [a for a in attempts if a.state == "complete"]
    assert len(complete) == trials
    assert Counter(a.slot for a in complete) == Counter(range(trials))
    assert not any(a.state in ("running", "waiting") for a in attempts)
    for one in study.outcomes():
        if one.complete:
            assert abs(one.first() - value_of(one.values)) < 1e-9


if __name__ == "__main__":
    storage, folder, trials, pause, sampler = sys.argv[1:]
    work(open_study(storage, folder, int(trials), sampler=sampler), float(pause))
