"""A run is begun once, and told once, wherever a kill came between the store and our notes."""

import json

import pytest

from fibsem.config import TrackingConfig
from fibsem.data.dataset.manifest import load_dataset
from fibsem.tracking import names
from fibsem.tracking.run_notes import TOKEN_FILE, FileNotes, take_up
from fibsem.tracking.runs import Tracking
from tests.conftest import CutOffError

HOW = {"tags": {"fibsem.command": "train"}, "params": {"seed": 3}}


@pytest.fixture(scope="module")
def tracking(new_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    new_store(folder)
    config = TrackingConfig(f"sqlite:///{folder / 'ml.db'}", str(folder / "artifacts"))
    return Tracking.open(config, "film")


@pytest.fixture(scope="module")
def film(tiny):
    return load_dataset(tiny)


def begun_with(tracking, token):
    return [(run.info.run_id, run.info.status) for run in tracking.runs({names.TOKEN: token})]


def test_a_run_is_gone_on_with_whole_wherever_it_was_cut_off(tracking, film, tmp_path):
    """As killed before the store knew it, and before its parameters, its tree or its id."""
    path = tmp_path / "run.json"
    FileNotes(path).set("token", "noted")
    lost = tracking.start("a training", tags={**HOW["tags"], names.TOKEN: "noted"})
    for _ in range(2):  # the second time its id is known
        assert take_up(tracking, FileNotes(path), "a training", {"seed": 3}, film, **HOW) == lost
        assert begun_with(tracking, "noted") == [(lost, "RUNNING")]
        assert tracking.find(lost).data.params == {"seed": "3"}
        assert tracking.read_json(lost, "config.json") == {"seed": 3}
        assert json.loads(path.read_text()) == {"run_id": lost}


def test_what_could_not_be_noted_is_ended_and_gone_on_with(tracking, film, tmp_path):
    class Full(FileNotes):
        def set(self, key, value):
            if key == "run_id":
                raise CutOffError
            super().set(key, value)

    path = tmp_path / "run.json"
    with pytest.raises(CutOffError):
        take_up(tracking, Full(path), "a training", {}, film, **HOW)
    token = FileNotes(path).get("token")
    ((lost, status),) = begun_with(tracking, token)
    assert status == "FAILED"
    assert take_up(tracking, FileNotes(path), "a training", {}, film, **HOW) == lost
    assert begun_with(tracking, token) == [(lost, "RUNNING")]


def test_a_run_that_the_store_has_no_more_is_begun_anew(tracking, film, tmp_path):
    notes = FileNotes(tmp_path / "run.json")
    first = take_up(tracking, notes, "a training", {}, film, **HOW)
    before = (tmp_path / TOKEN_FILE).read_text()
    tracking.client.delete_run(first)
    second = take_up(tracking, notes, "a training", {}, film, **HOW)
    assert second != first
    assert (tmp_path / TOKEN_FILE).read_text() != before
    assert take_up(tracking, notes, "a training", {}, film, **HOW) == second


def test_what_a_start_before_has_logged_is_not_logged_twice(tracking):
    """But another value of it is, and the time that it took is no other value."""
    run_id = tracking.start("a training", tags={})
    for seconds in (1.0, 2.0):
        figures = {"time/train_s": seconds, "val/loss": 0.5, "val/miou": float("nan")}
        tracking.log_changed(run_id, figures, step=3)
    tracking.log_changed(run_id, {"val/loss": 0.25}, step=3)
    tracking.log_changed(run_id, {"time/train_s": 3.0}, step=3)
    history = tracking.client.get_metric_history(run_id, "val/loss")
    assert [(metric.step, metric.value) for metric in history] == [(3, 0.5), (3, 0.25)]
    assert tracking.find(run_id).data.metrics == {"time/train_s": 1.0, "val/loss": 0.25}
