"""Sweeps: exact budgets, parents and children, the same command goes on."""

import csv
import json
import threading
from dataclasses import replace

import pytest

from fibsem import sweep
from fibsem.config import compose
from fibsem.search.folder import wait_for
from fibsem.search.report import report_sweep
from fibsem.training.failures import PrunedError
from tests.search.sweeps import children, epoch, finished, opened, worked


def test_parent_and_children_say_everything(run, capsys):
    summary = run("space.axes.model.filters=[4]", trials=2)
    assert summary["trials"] == {"complete": 2, "pruned": 0, "failed": 0}
    client, runs = children(run, summary["parent_run_id"])
    assert len(runs) == 2
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
        assert child.data.metrics["cost/predicted_seconds_per_gigapixel"] > 0
    overlaps = [child.data.metrics["val_all/miou"] for child in runs]
    assert summary["best"]["value"] == max(overlaps)
    assert client.get_run(summary["parent_run_id"]).info.status == "FINISHED"
    assert "estimated time per trial" in capsys.readouterr().out


def test_the_same_command_repeats_nothing(run_thresholds):
    first = run_thresholds(trials=1)
    assert run_thresholds(trials=1) | {"seconds": 0} == first | {"seconds": 0}
    assert len(children(run_thresholds, first["parent_run_id"])[1]) == 1


@pytest.mark.slow
def test_a_sweep_in_two_parts_is_the_sweep_in_one(run_thresholds, tmp_path):
    run_thresholds(trials=1)
    run_thresholds(trials=3)
    parts = json.loads((tmp_path / "sweep" / "trials.json").read_text())
    run_thresholds(trials=3, folder="whole")
    assert json.loads((tmp_path / "whole" / "trials.json").read_text()) == parts


def test_a_budget_bounds_a_sweep_of_what_nothing_can_plan(run_thresholds):
    """Models that are fitted at once."""
    summary = run_thresholds("budget=0.2s", trials=40)
    assert 1 <= summary["trials"]["complete"] < 40


def test_seeds_can_be_searched_over(here):
    sweep = opened("+space.axes.seed=[7,8]", "search.trials=4", "seed=3", **here)
    jobs = worked(sweep, [finished(0.5)] * 4)
    assert [job.tree["seed"] for job in jobs] == [
        one.values["seed"] for one in sweep.study.outcomes()
    ]
    assert {job.tree["seed"] for job in jobs} == {7, 8}
    sweep.study.close()


def test_a_dry_run_trains_nothing(run_thresholds, capsys):
    with pytest.raises(FileNotFoundError):
        run_thresholds("search.dry_run=true", trials=50)
    assert "50 trials:" in capsys.readouterr().out
    assert list(run_thresholds.folder.iterdir()) == []


@pytest.mark.parametrize(("objective", "value"), [("val/loss", 0.2), ("val/miou", 0.8)])
def test_the_best_trial_is_best_in_the_direction_of_its_objective(here, objective, value):
    sweep = opened(f"search.objectives=[{objective}]", "search.trials=3", **here)
    worked(sweep, [finished(0.5, 0.6), finished(0.2, 0.7), finished(0.6, 0.8)])
    best = sweep.summary(0).best
    assert best.value == value
    assert sweep.summary(0).pareto is None
    assert sweep.best_so_far(sweep.study.outcomes()) == f"best {objective} {value:.4f}"
    parent = sweep.tracking.client.get_run(sweep.parent).data
    assert parent.tags["fibsem.best_run"] == best.run_id
    assert parent.metrics["best/" + objective.removeprefix("val/")] == value
    sweep.study.close()


@pytest.mark.parametrize("objective", ["val/loss", "val/miou", "val_all/miou"])
def test_a_pruner_ends_what_is_worse_in_the_direction_of_its_objective(here, objective):
    """The larger loss has the larger overlap here."""
    pruner = ["search.pruner=median", "search.startup_trials=1", "search.pruner_warmup=0"]
    sweep = opened(*pruner, f"search.objectives=[{objective}]", "search.trials=3", **here)
    losses = iter((0.5, 0.2, 0.8))

    def execute(job, on_epoch):
        loss = next(losses)
        on_epoch(epoch(0, loss, loss))
        return finished(loss, loss)

    sweep.work(execute, lambda *_: None)
    states = [one.state for one in sweep.study.outcomes()]
    best = 0.2 if objective == "val/loss" else 0.8
    pruned = "complete", "complete", "pruned"
    assert states == list(pruned if objective == "val/loss" else (pruned[0], pruned[2], pruned[1]))
    assert sweep.best().objectives == (best,)
    sweep.study.close()


@pytest.mark.parametrize("cut", [False, True])
def test_an_epoch_that_a_time_limit_cut_is_no_news_for_a_pruner(here, cut):
    """It has fewer steps than those it would be compared with, and no epoch follows."""
    pruner = ["search.pruner=median", "search.startup_trials=1", "search.pruner_warmup=0"]
    sweep = opened(*pruner, "search.objectives=[val/loss]", "search.trials=2", **here)
    losses = iter((0.2, 0.8))

    def execute(job, on_epoch):
        loss = next(losses)
        on_epoch(replace(epoch(0, loss), cut=cut and loss == 0.8))
        return finished(loss)

    sweep.work(execute, lambda *_: None)
    assert sweep.summary(0).trials.pruned == (0 if cut else 1)
    sweep.study.close()


@pytest.mark.slow
def test_the_pareto_front_is_every_trial_that_none_beats(here):
    """Equal ones stand side by side; better in one and equal in the other beats."""
    points = [(0.6, 70), (0.8, 100), (0.5, 20), (0.8, 120), (0.7, 50), (0.8, 100)]
    sweep = opened(
        "search.objectives=[val/miou,cost/seconds_per_gigapixel]", "search.sampler=random",
        f"search.trials={len(points)}", **here,
    )  # fmt: skip
    worked(sweep, [finished(0.5, miou, cost) for miou, cost in points])
    front = [(0.8, 100), (0.8, 100), (0.7, 50), (0.5, 20)]
    assert [point.objectives for point in sweep.summary(0).pareto] == front
    report_sweep(sweep)
    with (sweep.folder / "figures" / "pareto.csv").open() as table:
        rows = list(csv.DictReader(table))
    names = ("val/miou", "cost/seconds_per_gigapixel")
    assert [tuple(float(row[name]) for name in names) for row in rows] == front
    sweep.study.close()


def test_the_parent_run_is_taken_up_again_and_children_that_nobody_ends_are_ended(here):
    """It says what is swept, and runs while the sweep does; one that was deleted is made anew."""
    sweep = opened("search.trials=1", **here)
    client = sweep.tracking.client
    parent = client.get_run(sweep.parent).data
    assert parent.tags["fibsem.command"] == "sweep"
    assert parent.tags["fibsem.data"]
    assert parent.params["trials"] == "1"
    assert (parent.params["space"], parent.params["space.size"]) == ("smoke", "inf")
    assert "learning_rate" in parent.params["space.axes"]
    lost = sweep.tracking.start("cut off", tags={}, parent=sweep.parent)
    worked(sweep, [finished(0.5)])
    assert sweep.finish(12.5).seconds == 12.5
    assert client.get_run(lost).info.status == "KILLED"
    assert client.get_run(sweep.parent).info.status == "FINISHED"
    sweep.study.close()
    again = opened("search.trials=1", **here)
    assert again.parent == sweep.parent
    assert client.get_run(sweep.parent).info.status == "RUNNING"
    again.study.close()
    client.delete_run(sweep.parent)
    anew = opened("search.trials=1", **here)
    assert anew.parent != sweep.parent
    anew.study.close()


def test_a_grid_with_fewer_points_than_the_budget_ends(here):
    sweep = opened(
        "search.trials=50", "search.sampler=grid", "search.grid.points=2",
        "space.axes.model.blocks=[1]", "space.axes.model.filters=[4]", **here,
    )  # fmt: skip
    worked(sweep, [finished(0.5), finished(0.4)])
    assert sweep.summary(0).trials.complete == 2
    sweep.study.close()


def test_another_process_opens_the_parent_run_or_dies_over_it(here, monkeypatch):
    monkeypatch.setattr("fibsem.search.folder.LOOK_S", 0.01)
    study = opened("search.trials=1", **here).study
    parent = study.get("parent_run_id")
    assert wait_for(study, "parent_run_id") == parent
    study.set("parent_run_id", None)
    monkeypatch.setattr("fibsem.search.folder.PATIENCE_S", 0.05)
    assert wait_for(study, "parent_run_id") is None
    monkeypatch.setattr("fibsem.search.folder.PATIENCE_S", 20)
    later = threading.Timer(0.2, study.set, ("parent_run_id", "theirs"))
    later.start()
    assert wait_for(study, "parent_run_id") == "theirs"
    later.join()
    study.close()


def test_the_best_trials_keep_their_weights(here):
    """And their checkpoints; nobody goes on from those of the others."""
    sweep = opened("search.trials=5", "search.keep=2", **here)
    losses = iter([0.5, 0.3, 0.4, 0.2])

    def execute(job, on_epoch):
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "checkpoint.npz").write_bytes(b"state")
        if (loss := next(losses, None)) is None:
            raise PrunedError(0)
        (job.folder / "model.keras").write_bytes(b"weights")
        return finished(loss)

    sweep.work(execute, lambda *_: None)
    for name in ("model.keras", "checkpoint.npz"):
        kept = sorted(path.parent.name for path in sweep.folder.glob(f"trials/*/{name}"))
        assert kept == ["0001", "0003"]
    sweep.study.close()


@pytest.mark.slow
def test_several_objectives_give_a_pareto_front(run):
    summary = run(
        "search.sampler=nsga2", "search.objectives=[val/miou,cost/seconds_per_gigapixel]",
        "search.nsga2.population=2", trials=4,
    )  # fmt: skip
    assert summary["objectives"] == ["val/miou", "cost/seconds_per_gigapixel"]
    front = [point["objectives"] for point in summary["pareto"]]
    assert front
    assert front == sorted(front, key=lambda point: -point[0])
    assert [cost for _, cost in front] == sorted((cost for _, cost in front), reverse=True)
    for name in ("pareto.png", "pareto.csv", "pareto.md"):
        assert (run.folder / "sweep" / "figures" / name).is_file()


@pytest.mark.slow
def test_isolated_trials_give_the_same_figures(run):
    one = "space.axes.model.filters=[4]"
    here = run(one, trials=2, folder="here")
    apart = run(one, "search.isolate=true", trials=2, folder="apart")
    assert apart["best"]["value"] == here["best"]["value"]
    assert apart["best"]["params"] == here["best"]["params"]


@pytest.mark.slow
def test_two_workers_share_the_budget(run):
    summary = run("search.workers=2", trials=3)
    assert summary["trials"]["complete"] == 3
    _, runs = children(run, summary["parent_run_id"])
    assert [r.info.status for r in runs] == ["FINISHED"] * 3
    one = run(trials=3, folder="one")
    assert one["best"]["params"] == summary["best"]["params"]  # the plan does not know who works
    assert one["best"]["value"] == pytest.approx(summary["best"]["value"], rel=1e-3)


def test_a_model_that_is_no_network_is_swept_too(tiny, store, tmp_path, capsys):
    keys = [f"data.path={tiny}", "model=forest", "model.trees=5", "train.share=0.02",
            "train.min_steps=0", "space.axes.model.sigmas=[[1],[1,2]]", "search.trials=2", *store,
            f"output={tmp_path / 'sweep'}"]  # fmt: skip
    sweep.main(compose("sweep", keys))
    summary = json.loads((tmp_path / "sweep" / "summary.json").read_text())
    assert summary["trials"]["complete"] == 2
    assert summary["best"]["params"]["model.sigmas"] in ([1], [1, 2])
    assert "estimated time per trial" in capsys.readouterr().out


def test_whether_trials_ended_is_told_by_those_that_did_and_not_by_open_slots(here):
    """All slots are there from the first start: later ones lost their seconds, as nothing grew."""
    first = opened("search.trials=3", **here)
    with pytest.raises(KeyboardInterrupt):
        worked(first, [finished(0.5), KeyboardInterrupt()])
    assert first.has_ended_any
    first.study.close()
    later = opened("search.trials=3", **here)
    assert not later.has_ended_any
    worked(later, [finished(0.4), finished(0.3)])
    assert later.has_ended_any
    later.study.close()


def test_the_seconds_of_a_sweep_are_those_of_all_starts_that_trained(run_thresholds):
    """A look at what is finished is none."""
    first = run_thresholds("search.max_seconds=0.001", trials=3)
    again = run_thresholds(trials=3)
    assert first["trials"]["complete"] < again["trials"]["complete"] == 3
    assert again["seconds"] > first["seconds"]
    assert run_thresholds(trials=3)["seconds"] == pytest.approx(again["seconds"], abs=1e-6)
