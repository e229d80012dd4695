"""Sweeps: exact budgets, failures with their reasons, the same command goes on."""

import json

import mlflow
import pytest

from fibsem import sweep
from fibsem.config import compose
from fibsem.errors import UserError


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One MLflow store for all: a new one takes MLflow seconds to lay out."""
    folder = tmp_path_factory.mktemp("store")
    return [
        f"tracking.uri=sqlite:///{folder / 'ml.db'}",
        f"tracking.artifacts={folder / 'artifacts'}",
    ]


@pytest.fixture
def run(small, store, tmp_path):
    """Function (*overrides) -> summary of a sweep in one folder and one store."""

    def make(*overrides, trials=2, folder="sweep"):
        tree = compose(
            "sweep",
            [
                *small, "space=smoke", "space.axes.model.blocks=[1]", f"search.trials={trials}",
                f"output={tmp_path / folder}",
                *store,
                *overrides,
            ],
        )  # fmt: skip
        sweep.main(tree)
        return json.loads((tmp_path / folder / "summary.json").read_text())

    make.folder = tmp_path
    make.uri = store[0].partition("=")[2]
    return make


def children(run, parent):
    client = mlflow.MlflowClient(run.uri)
    experiment = client.get_experiment_by_name("phantom")
    return client, client.search_runs(
        [experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'"
    )


def test_parent_and_children_say_everything(run, capsys):
    summary = run(trials=3)
    assert summary["trials"] == {"complete": 3, "pruned": 0, "failed": 0}
    client, runs = children(run, summary["parent_run_id"])
    assert len(runs) == 3
    for child in runs:
        assert child.info.status == "FINISHED"
        assert child.data.params["model.blocks"] == "1"
        assert float(child.data.params["train.learning_rate"]) > 0
        assert {"val/miou", "val/accuracy", "val/loss", "time/train_s", "parameters"} <= set(
            child.data.metrics
        )
        assert not any(key.startswith("test") for key in child.data.metrics)
        assert {
            f"fibsem.{key}" for key in ("model", "nbhd", "padding", "mode", "seed", "data")
        } <= set(child.data.tags)
        assert len(client.get_metric_history(child.info.run_id, "val/loss")) >= 3
    losses = [child.data.metrics["val/loss"] for child in runs]
    assert summary["best"]["value"] == min(losses)
    assert client.get_run(summary["parent_run_id"]).info.status == "FINISHED"
    assert "estimated time per trial" in capsys.readouterr().out


def test_the_same_command_continues_with_what_is_left_of_the_budget(run):
    first = run(trials=2)
    assert run(trials=2) | {"seconds": 0} == first | {"seconds": 0}
    more = run(trials=4)
    assert more["trials"]["complete"] == 4
    assert more["study"] == first["study"]
    assert more["parent_run_id"] == first["parent_run_id"]
    assert len(children(run, first["parent_run_id"])[1]) == 4


def test_a_sweep_in_two_parts_is_the_sweep_in_one(run, tmp_path):
    run(trials=1)
    run(trials=3)
    parts = json.loads((tmp_path / "sweep" / "trials.json").read_text())
    run(trials=3, folder="whole")
    assert json.loads((tmp_path / "whole" / "trials.json").read_text()) == parts


def test_other_settings_in_the_same_folder_are_refused(run):
    run(trials=1)
    with pytest.raises(UserError, match="same settings"):
        run("train.steps=5", trials=1)


def test_a_trial_that_fails_is_recorded_and_the_sweep_goes_on(run, capsys):
    summary = run(
        "~space.axes.train.learning_rate",
        "+space.axes.train.learning_rate=[0.01,1e30]",
        "search.retries=1",
        trials=3,
    )
    assert summary["trials"]["complete"] == 3
    assert summary["trials"]["failed"] >= 2  # once, and once more with another seed
    trials = json.loads((run.folder / "sweep" / "trials.json").read_text())
    failed = [trial for trial in trials if trial["state"] == "fail"]
    assert all("loss is" in trial["reason"] for trial in failed)
    assert all(trial["train.learning_rate"] == 1e30 for trial in failed)
    _, runs = children(run, summary["parent_run_id"])
    reasons = [r.data.tags.get("fibsem.reason") for r in runs if r.info.status == "FAILED"]
    assert len(reasons) == summary["trials"]["failed"]
    assert all("loss is" in reason for reason in reasons)
    assert "failed" in capsys.readouterr().err
    assert list((run.folder / "sweep" / "trials").glob("*/error.txt"))


def test_when_everything_fails_the_sweep_stops_and_says_why(run):
    with pytest.raises(UserError, match=r"allows 3 failed trials in a row.*loss is"):
        run(
            "~space.axes.train.learning_rate", "+space.axes.train.learning_rate=[1e30]",
            "space.axes.model.filters=[4,8]",
            "search.max_failures=3", trials=5,
        )  # fmt: skip


def test_tpe_learns_from_the_trials_before(run):
    summary = run("search.sampler=tpe", trials=3)
    assert summary["trials"]["complete"] == 3


def test_a_dry_run_trains_nothing(run, capsys):
    with pytest.raises(FileNotFoundError):
        run("search.dry_run=true", trials=50)
    assert "50 trials:" in capsys.readouterr().out
    assert list(run.folder.iterdir()) == []
