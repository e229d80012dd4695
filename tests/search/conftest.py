"""Every storage of a study, and studies without training."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from tests.search import slot_worker
from tests.search.sweeps import Runs


@pytest.fixture(params=["sqlite", "journal", "postgres"])
def storage(request, tmp_path):
    """Address of a fresh storage."""
    if request.param != "postgres":
        return {
            "sqlite": f"sqlite:///{tmp_path / 'study.db'}",
            "journal": f"journal:{tmp_path / 'study.log'}",
        }[request.param]
    return request.getfixturevalue("new_database")


@dataclass
class Clock:
    """What observers take for the time; so many seconds go by at each of their looks."""

    look_s: float = 0.0
    now: float = 1000.0

    def monotonic(self):
        self.now += self.look_s
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The clock by which silence is measured, and nothing else."""
    clock = Clock()
    times = SimpleNamespace(monotonic=clock.monotonic)
    monkeypatch.setattr("fibsem.search.studies.owner.time", times)
    return clock


@pytest.fixture
def closed():
    """Connections are let go, whatever happened."""
    yield
    while slot_worker.OPENED:
        slot_worker.OPENED.pop().close()


@pytest.fixture(scope="module")
def store(tmp_path_factory, new_store):
    """One MLflow store for all."""
    return new_store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def run(small, store, tmp_path):
    """Sweeps of a small network."""
    return Runs(tmp_path, store, [*small, "space=smoke", "space.axes.model.blocks=[1]"])


@pytest.fixture
def run_thresholds(tiny, store, tmp_path):
    """Sweeps of a model that learns nothing: for what does not depend on the training."""
    data = [f"data.path={tiny}", "model=threshold", "nbhd=11x11x3", "train.share=0.02"]
    return Runs(tmp_path, store, data)


@pytest.fixture(params=["optuna", "keras_tuner"])
def backend(request):
    """Overrides that choose a backend: one suite for both."""
    return {"optuna": [], "keras_tuner": ["search=keras_tuner"]}[request.param]


@pytest.fixture
def here(tiny, store, tmp_path):
    """Where a sweep is opened."""
    return {"tiny": tiny, "store": store, "folder": tmp_path}
