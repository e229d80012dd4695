"""However many workers reach for a trial at once: one gets it, in every storage."""

import json
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pytest

from fibsem.config import SearchConfig
from fibsem.search.studies.samplers import objectives
from fibsem.search.studies.slots import filled
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.tracking import code_version
from tests.search import slot_worker

WORKERS, ROUNDS = 5, 6
SCRIPTS = Path(__file__).parents[2] / "experiments" / "reliability"


@pytest.fixture(autouse=True)
def _closed(closed):
    """Connections are let go, whatever happened."""


def claimed(make):
    """What workers were given that all claim in the same moment, again and again.

    Threads, each with a study of its own, are closer together than processes can be.
    """
    first = make()
    first.open_slots()
    together = threading.Barrier(WORKERS, timeout=60)

    def work(_):
        study, given = make(), []
        for _ in range(ROUNDS):
            together.wait()
            attempt = study.claim()
            given.append(attempt.number)
            together.wait()
            study.complete(attempt, [attempt.values["train.learning_rate"]], TrialRecord())
        return given

    with ThreadPoolExecutor(WORKERS) as pool:
        return first, [number for given in pool.map(work, range(WORKERS)) for number in given]


def check(study, numbers):
    assert Counter(numbers) == Counter(range(WORKERS * ROUNDS))
    assert filled(study.attempts()) == WORKERS * ROUNDS


@pytest.mark.slow
def test_no_trial_is_claimed_twice(storage, tmp_path):
    trials = WORKERS * ROUNDS
    check(*claimed(lambda: slot_worker.open_study(storage, tmp_path, trials, sampler="random")))


def test_no_trial_of_keras_tuner_is_claimed_twice(tmp_path):
    from fibsem.search.studies.tuner_study import TunerStudy

    search = SearchConfig(
        objectives=("val/loss",), backend="keras_tuner", trials=WORKERS * ROUNDS, sampler="random"
    )

    def make():
        return TunerStudy(
            "test", tmp_path, search, slot_worker.space(), objectives(search.objectives)
        )

    study, numbers = claimed(make)
    check(study, numbers)
    drawn = [tuple(one.values.values()) for one in make().outcomes()]
    assert len(set(drawn)) == len(drawn)  # the oracle knows what it gave to the others
    assert len(study.oracle.trials) == len(drawn)


@pytest.mark.slow
def test_processes_claim_every_trial_once(tmp_path, monkeypatch):
    how = ["--claims", "60", "--workers", "4", "--json", str(tmp_path / "figures.json")]
    monkeypatch.setattr(sys, "argv", ["claims.py", *how])
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")  # which it would leave
    monkeypatch.syspath_prepend(SCRIPTS)
    import_module("experiments.reliability.claims").main()
    figures = json.loads((tmp_path / "figures.json").read_text())["storages"]
    assert {"sqlite", "journal", "keras_tuner"} <= set(figures)
    for storage in figures.values():
        assert (storage["claims"], storage["twice"], storage["complete"]) == (60, 0, 60)
        assert (storage["died"], storage["left"]) == (0, 0)
        assert storage["commit"] == code_version()
