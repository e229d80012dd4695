"""Sweeps: exact budgets, failures with their reasons, the same command goes on."""

import csv
import json
import threading

import mlflow
import pytest

from fibsem import sweep
from fibsem.config import RunConfig, compose
from fibsem.errors import UserError
from fibsem.search.folder import wait_for
from fibsem.search.report import report_sweep
from fibsem.search.sweep import Sweep
from fibsem.tracking.runs import Tracking
from fibsem.training.datasets import obtain
from fibsem.training.run import TrialFailedError


@pytest.fixture(scope="module")
def store(tmp_path_factory, new_store):
    """One MLflow store for all."""
    return new_store(tmp_path_factory.mktemp("store"))


class Runs:
    """Sweeps in one folder and one store."""

    def __init__(self, folder, store, always):
        self.folder, self.store, self.always = folder, store, always
        self.uri = store[0].partition("=")[2]

    def __call__(self, *overrides, trials=2, folder="sweep"):
        """Summary of a sweep with more overrides."""
        here = [f"search.trials={trials}", f"output={self.folder / folder}", *self.store]
        sweep.main(compose("sweep", [*self.always, *here, *overrides]))
        return json.loads((self.folder / folder / "summary.json").read_text())

    def table(self, folder="sweep"):
        """Rows of all trials of the sweep in a folder."""
        return json.loads((self.folder / folder / "trials.json").read_text())


@pytest.fixture
def run(small, store, tmp_path):
    """Sweeps of a small network."""
    return Runs(tmp_path, store, [*small, "space=smoke", "space.axes.model.blocks=[1]"])


@pytest.fixture
def run_thresholds(tiny, store, tmp_path):
    """Sweeps of a model that learns nothing: for what does not depend on the training."""
    data = [f"data.path={tiny}", "model=threshold", "nbhd=11x11x3", "train.share=0.02"]
    return Runs(tmp_path, store, data)


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
        assert child.data.metrics["cost/predicted_seconds_per_gigapixel"] > 0
    losses = [child.data.metrics["val/loss"] for child in runs]
    assert summary["best"]["value"] == min(losses)
    assert client.get_run(summary["parent_run_id"]).info.status == "FINISHED"
    assert "estimated time per trial" in capsys.readouterr().out


def test_the_same_command_continues_with_what_is_left_of_the_budget(run_thresholds):
    first = run_thresholds(trials=2)
    assert run_thresholds(trials=2) | {"seconds": 0} == first | {"seconds": 0}
    more = run_thresholds(trials=4)
    assert more["trials"]["complete"] == 4
    assert more["study"] == first["study"]
    assert more["parent_run_id"] == first["parent_run_id"]
    assert len(children(run_thresholds, first["parent_run_id"])[1]) == 4


@pytest.mark.slow
def test_a_sweep_in_two_parts_is_the_sweep_in_one(run_thresholds, tmp_path):
    run_thresholds(trials=1)
    run_thresholds(trials=3)
    parts = json.loads((tmp_path / "sweep" / "trials.json").read_text())
    run_thresholds(trials=3, folder="whole")
    assert json.loads((tmp_path / "whole" / "trials.json").read_text()) == parts


def test_other_settings_in_the_same_folder_are_refused(run_thresholds):
    run_thresholds(trials=1)
    with pytest.raises(UserError, match="same settings"):
        run_thresholds("train.share=0.03", trials=1)


@pytest.mark.slow
def test_a_trial_that_diverges_is_recorded_and_the_sweep_goes_on(run, capsys):
    summary = run(
        "~space.axes.train.learning_rate",
        "+space.axes.train.learning_rate=[0.01,1e30]",
        "search.retries=1",
        trials=3,
    )
    counts = summary["trials"]
    assert (counts["complete"] + counts["pruned"], counts["failed"]) == (3, 0)
    trials = json.loads((run.folder / "sweep" / "trials.json").read_text())
    failed = [trial for trial in trials if trial["state"] == "pruned"]
    assert len(trials) == 3  # none is repeated
    assert failed
    assert all("loss is" in trial["reason"] for trial in failed)
    assert all(trial["train.learning_rate"] == 1e30 for trial in failed)
    _, runs = children(run, summary["parent_run_id"])
    reasons = [r.data.tags.get("fibsem.reason") for r in runs if r.info.status == "FAILED"]
    assert len(reasons) == len(failed)
    assert all("loss is" in reason for reason in reasons)
    assert "failed" in capsys.readouterr().err
    assert list((run.folder / "sweep" / "trials").glob("*/error.txt"))


def opened(*overrides, tiny, store, folder):
    """A sweep of small networks that nobody works on yet."""
    given = [f"data.path={tiny}", "nbhd=11x11x3", "space=smoke", f"output={folder}", *store]
    tree = compose("sweep", [*given, *overrides])
    config = RunConfig.of(tree)
    dataset = obtain(config.data, config.split)
    return Sweep.open(tree, dataset, folder, Tracking.open(config.tracking, dataset.name))


def test_when_everything_fails_the_sweep_stops_and_says_why(tiny, store, tmp_path):
    failing = opened(
        "search.max_failures=3", "search.trials=5", tiny=tiny, store=store, folder=tmp_path
    )

    def diverge(job, on_epoch):
        raise TrialFailedError("the loss is nan", "Traceback", final=False)

    with pytest.raises(UserError, match=r"allows 3 failed trials in a row.*the loss is nan"):
        failing.work(diverge, lambda text, done, total: None)
    failing.study.close()


@pytest.mark.slow
def test_tpe_learns_from_the_trials_before(run):
    summary = run("search.sampler=tpe", trials=3)
    assert summary["trials"]["complete"] == 3


def test_a_dry_run_trains_nothing(run_thresholds, capsys):
    with pytest.raises(FileNotFoundError):
        run_thresholds("search.dry_run=true", trials=50)
    assert "50 trials:" in capsys.readouterr().out
    assert list(run_thresholds.folder.iterdir()) == []


@pytest.fixture(params=["optuna", "keras_tuner"])
def backend(request):
    """Overrides that choose a backend: one suite for both."""
    return {"optuna": [], "keras_tuner": ["search=keras_tuner"]}[request.param]


@pytest.fixture
def here(tiny, store, tmp_path):
    """Where a sweep is opened."""
    return {"tiny": tiny, "store": store, "folder": tmp_path}


def finished(loss, miou=0.5, cost=1.0):
    """What a training that is over leaves."""
    return {
        "run_id": f"run {loss} {miou} {cost}",
        "val": {"loss": loss, "miou": miou, "accuracy": 0.5},
        "cost": {"seconds_per_gigapixel": cost},
    }


def worked(sweep, outcomes):
    """Work a sweep off with these outcomes of its trainings; returns the jobs."""
    jobs = []

    def execute(job, on_epoch):
        outcome = outcomes[len(jobs)]
        jobs.append(job)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    sweep.work(execute, lambda *_: None)
    return jobs


@pytest.mark.parametrize(("objective", "value"), [("val/loss", 0.2), ("val/miou", 0.8)])
def test_the_best_trial_is_best_in_the_direction_of_its_objective(here, objective, value):
    sweep = opened(f"search.objectives=[{objective}]", "search.trials=3", **here)
    worked(sweep, [finished(0.5, 0.6), finished(0.2, 0.7), finished(0.6, 0.8)])
    best = sweep.summary(0)["best"]
    assert best["value"] == value
    assert sweep.summary(0)["pareto"] is None
    assert sweep.best_so_far() == f"best {objective} {value:.4f}"
    parent = sweep.tracking.client.get_run(sweep.parent).data
    assert parent.tags["fibsem.best_run"] == best["run_id"]
    assert parent.metrics["best/" + objective.removeprefix("val/")] == value
    sweep.study.close()


def test_the_pareto_front_is_every_trial_that_none_beats(here):
    """Equal ones stand side by side; better in one and equal in the other beats."""
    points = [(0.6, 70), (0.8, 100), (0.5, 20), (0.8, 120), (0.7, 50), (0.8, 100)]
    sweep = opened(
        "search.objectives=[val/miou,cost/seconds_per_gigapixel]", "search.sampler=random",
        f"search.trials={len(points)}", **here,
    )  # fmt: skip
    worked(sweep, [finished(0.5, miou, cost) for miou, cost in points])
    front = [[0.8, 100], [0.8, 100], [0.7, 50], [0.5, 20]]
    assert [point["objectives"] for point in sweep.summary(0)["pareto"]] == front
    report_sweep(sweep)
    with (sweep.folder / "figures" / "pareto.csv").open() as table:
        rows = list(csv.DictReader(table))
    names = ("val/miou", "cost/seconds_per_gigapixel")
    assert [[float(row[name]) for name in names] for row in rows] == front
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
    assert sweep.finish(12.5)["seconds"] == 12.5
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
        "search.trials=50", "search.sampler=grid", "search.grid_points=2",
        "space.axes.model.blocks=[1]", "space.axes.model.filters=[4]", **here,
    )  # fmt: skip
    worked(sweep, [finished(0.5), finished(0.4)])
    assert sweep.summary(0)["trials"]["complete"] == 2
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


def test_hyperband_continues_the_trainings_that_it_promotes(here):
    """A longer one gets the checkpoint of the shorter one with the same hyperparameters."""
    sweep = opened(
        "search=keras_tuner", "search.sampler=hyperband", "search.hyperband_epochs=3",
        "search.trials=4", "space.axes.model.blocks=[1]", "~space.axes.model.filters",
        "+space.axes.model.filters={low: 4, high: 64, log: true, int: true}", **here,
    )  # fmt: skip
    made, continued = {}, []

    def execute(job, on_epoch):
        checkpoint = job.folder / "checkpoint.npz"
        epochs, who = job.tree["train"]["epochs"], json.dumps(job.params["train.learning_rate"])
        if checkpoint.is_file():
            assert epochs == 3
            continued.append(checkpoint.read_text() == who)
        job.folder.mkdir(parents=True, exist_ok=True)
        checkpoint.write_text(who)
        made.setdefault(epochs, []).append(job.tree["model"]["filters"])
        return finished(0.5 + 0.01 * len(made[epochs]))

    sweep.work(execute, lambda *_: None)
    assert set(made) == {1, 3}
    assert continued
    assert all(continued)
    assert all(4 <= filters <= 64 for filters in made[1])
    sweep.study.close()


def test_a_trial_that_is_given_up_makes_room_for_another_one(here, backend):
    sweep = opened(*backend, "search.trials=2", "search.retries=0", **here)
    failed = TrialFailedError("diverged", "a traceback", final=False)
    jobs = worked(sweep, [failed, finished(0.5), finished(0.4)])
    assert [job.folder.name for job in jobs] == ["0000", "0001", "0002"]
    assert sweep.summary(0)["trials"] == {"complete": 2, "pruned": 0, "failed": 1}
    sweep.study.close()


def test_divergence_is_news_of_hyperparameters_and_is_not_tried_again(here, backend):
    """It fills its slot, as far as the backend can be told so; three in a row end the sweep."""
    reason = "diverged: the training loss is nan in epoch 1"
    failed = TrialFailedError(reason, "a traceback", final=False)
    sweep = opened(*backend, "search.trials=3", "search.retries=2", "search.max_failures=3", **here)
    jobs = worked(sweep, [finished(0.5), failed, finished(0.4), finished(0.3)])
    assert len({job.folder.name.partition("-")[0] for job in jobs}) == len(jobs)
    (row,) = [row for row in sweep.study.rows() if row["reason"]]
    assert row["reason"] == reason
    assert sweep.best()["objectives"] == [0.4 if row["state"] == "pruned" else 0.3]
    assert row["state"] == ("failed" if backend else "pruned")
    sweep.study.close()


def test_the_best_trials_keep_their_weights(here):
    sweep = opened("search.trials=4", "search.keep=2", **here)
    losses = iter([0.5, 0.3, 0.4, 0.2])

    def execute(job, on_epoch):
        job.folder.mkdir(parents=True, exist_ok=True)
        (job.folder / "model.keras").write_bytes(b"weights")
        return finished(next(losses))

    sweep.work(execute, lambda *_: None)
    kept = sorted(path.parent.name for path in sweep.folder.glob("trials/*/model.keras"))
    assert kept == ["0001", "0003"]
    sweep.study.close()


def test_when_all_diverge_the_sweep_stops(here):
    failed = TrialFailedError("collapsed: it is constant", "a traceback", final=False)
    sweep = opened("search.trials=9", "search.max_failures=3", **here)
    with pytest.raises(UserError, match=r"allows 3 failed trials in a row.*it is constant"):
        worked(sweep, [failed] * 9)
    sweep.study.close()


def test_a_trial_that_failed_by_itself_is_tried_again_from_another_seed(here, backend):
    """The same hyperparameters, in a folder of its own; one that was stopped keeps its seed."""
    failed = TrialFailedError("diverged", "a traceback", final=False)
    sweep = opened(*backend, "search.trials=1", "search.retries=2", "seed=7", **here)
    with pytest.raises(KeyboardInterrupt):
        worked(sweep, [KeyboardInterrupt()])
    jobs = worked(sweep, [failed, failed, finished(0.5)])
    assert [job.tree["seed"] for job in jobs] == [7, 1007, 2007]
    assert [job.folder.name for job in jobs] == ["0000-1", "0000-2", "0000-3"]
    assert [job.tags["fibsem.failures"] for job in jobs] == [0, 1, 2]
    assert len({(job.name, job.tree["train"]["learning_rate"]) for job in jobs}) == 1
    assert (jobs[0].folder / "error.txt").read_text() == "a traceback"
    states = [(row["state"], row["own_failure"]) for row in sweep.study.rows()]
    assert states == [("stopped", False), ("failed", True), ("failed", True), ("complete", False)]
    sweep.study.close()


def test_every_backend_fills_its_budget_and_continues(run_thresholds, backend):
    first = run_thresholds(*backend, trials=2)
    assert first["trials"] == {"complete": 2, "pruned": 0, "failed": 0}
    more = run_thresholds(*backend, trials=3)
    assert more["trials"]["complete"] == 3
    assert more["parent_run_id"] == first["parent_run_id"]
    client, runs = children(run_thresholds, first["parent_run_id"])
    assert len(runs) == 3
    for child in runs:
        assert child.info.status == "FINISHED"
        assert child.data.metrics["cost/seconds_per_gigapixel"] > 0
        assert len(client.get_metric_history(child.info.run_id, "epochs")) == 1
    assert more["best"]["value"] == min(child.data.metrics["val/loss"] for child in runs)
    figures = {f.path for f in client.list_artifacts(first["parent_run_id"], "figures")}
    assert {"figures/history.png", "figures/parallel_coordinates.png"} <= figures


@pytest.mark.slow
def test_every_backend_records_failures_and_goes_on(run, backend):
    summary = run(
        *backend, "~space.axes.train.learning_rate", "+space.axes.train.learning_rate=[0.01,1e30]",
        "space.axes.model.filters=[3,4,5,6,7,8]", "search.retries=0", trials=3,
    )  # fmt: skip
    assert summary["trials"]["complete"] + summary["trials"]["pruned"] == 3
    table = json.loads((run.folder / "sweep" / "trials.json").read_text())
    failed = [trial for trial in table if trial["reason"]]
    assert len(failed) == summary["trials"]["failed"] + summary["trials"]["pruned"]
    assert all("loss is" in trial["reason"] for trial in failed)
    assert len({trial["slot"] for trial in table}) == len(table)


def test_every_backend_draws_only_networks_that_exist(tiny, store, tmp_path, backend):
    drawn = opened(
        *backend, "space.axes.model.blocks=[1,2,3,4]", "search.trials=6",
        tiny=tiny, store=store, folder=tmp_path,
    )  # fmt: skip

    def look(job, on_epoch):
        assert RunConfig.of(job.tree).spec.hyperparameters["blocks"] == 1
        return {"val": {"loss": 0.5, "miou": 0.5}, "run_id": "none"}

    drawn.work(look, lambda text, done, total: None)
    assert [row["values"]["model.blocks"] for row in drawn.study.rows()] == [1] * 6
    drawn.study.close()


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["bayesian", "hyperband"])
def test_samplers_of_keras_tuner(run, sampler):
    summary = run(
        "search=keras_tuner", f"search.sampler={sampler}", "search.hyperband_epochs=3",
        "search.startup_trials=2", trials=4,
    )  # fmt: skip
    assert summary["trials"]["complete"] == 4
    table = json.loads((run.folder / "sweep" / "trials.json").read_text())
    if sampler == "hyperband":
        assert {trial["train.epochs"] for trial in table} <= {1, 3}


@pytest.mark.parametrize(
    "given",
    ["search.workers=2", "search.storage=postgresql://x", "search.pruner=median",
     "search.sampler=tpe", "search.objectives=[val/loss,val/miou]"],
)  # fmt: skip
def test_what_files_cannot_do_names_the_backend_that_can(run_thresholds, given):
    with pytest.raises(UserError, match="Optuna"):
        run_thresholds("search=keras_tuner", given, trials=1)


def test_samplers_of_the_other_backend_are_named(run_thresholds):
    with pytest.raises(UserError, match="search=keras_tuner"):
        run_thresholds("search.sampler=bayesian", trials=1)


@pytest.mark.slow
def test_several_objectives_give_a_pareto_front(run):
    summary = run(
        "search.sampler=nsga2", "search.objectives=[val/miou,cost/seconds_per_gigapixel]",
        "search.population=2", trials=4,
    )  # fmt: skip
    assert summary["objectives"] == ["val/miou", "cost/seconds_per_gigapixel"]
    front = [point["objectives"] for point in summary["pareto"]]
    assert front
    assert front == sorted(front, key=lambda point: -point[0])
    assert [cost for _, cost in front] == sorted((cost for _, cost in front), reverse=True)
    for name in ("pareto.png", "pareto.csv", "pareto.md"):
        assert (run.folder / "sweep" / "figures" / name).is_file()


@pytest.mark.slow
def test_a_pruned_trial_is_marked_and_counts(run):
    summary = run(
        "search.pruner=median", "search.startup_trials=1", "search.pruner_warmup=0",
        "~space.axes.train.learning_rate", "+space.axes.train.learning_rate=[0.02,1e-5]",
        "train.min_learning_rate=1e-7", "train.epochs=6", trials=6,
    )  # fmt: skip
    assert summary["trials"]["complete"] + summary["trials"]["pruned"] == 6
    assert summary["trials"]["pruned"] >= 1
    _, runs = children(run, summary["parent_run_id"])
    marked = [r for r in runs if r.data.tags.get("fibsem.state") == "pruned"]
    assert len(marked) == summary["trials"]["pruned"]
    assert all("pruned after epoch" in r.data.tags["fibsem.reason"] for r in marked)


@pytest.mark.slow
def test_isolated_trials_give_the_same_figures(run):
    here = run(trials=2, folder="here")
    apart = run("search.isolate=true", trials=2, folder="apart")
    assert apart["best"]["value"] == here["best"]["value"]
    assert apart["best"]["params"] == here["best"]["params"]


@pytest.mark.slow
def test_an_isolated_trial_that_is_killed_ends_alone(run, monkeypatch):
    """The kernel's way with a trial that takes too much memory: SIGKILL, seen as a named reason."""
    from fibsem.search import executors as isolation

    converse, killed = isolation.Isolated._converse, []

    def kill_the_first(self, pipe, process, on_epoch):
        if not killed:
            killed.append(process.pid)
            process.kill()
        return converse(self, pipe, process, on_epoch)

    monkeypatch.setattr(isolation.Isolated, "_converse", kill_the_first)
    summary = run("search.isolate=true", trials=2)
    assert summary["trials"] == {"complete": 2, "pruned": 0, "failed": 1}
    table = json.loads((run.folder / "sweep" / "trials.json").read_text())
    assert "SIGKILL, out of memory?" in next(t["reason"] for t in table if t["state"] == "failed")


@pytest.mark.slow
def test_two_workers_share_the_budget(run):
    summary = run("search.workers=2", trials=5)
    assert summary["trials"]["complete"] == 5
    _, runs = children(run, summary["parent_run_id"])
    assert [r.info.status for r in runs] == ["FINISHED"] * 5
    one = run(trials=5, folder="one")
    assert one["best"]["params"] == summary["best"]["params"]  # the plan does not know who works
    assert one["best"]["value"] == pytest.approx(summary["best"]["value"], rel=1e-3)


def test_a_journal_file_is_a_storage(run_thresholds, tmp_path):
    summary = run_thresholds(f"search.storage=journal:{tmp_path / 'study.log'}", trials=2)
    assert summary["trials"]["complete"] == 2
    assert (tmp_path / "study.log").is_file()


@pytest.mark.slow
def test_conditional_axes_are_swept_where_they_exist(run):
    summary = run(
        "space.axes.model.blocks=[1]", "+space.axes.model.dense_layers=[1,2]",
        "+space.axes.model.dense_width={values: [16,32], when: {model: {dense_layers: [2]}}}",
        "search.sampler=random", trials=6,
    )  # fmt: skip
    assert summary["trials"]["complete"] == 6
    table = json.loads((run.folder / "sweep" / "trials.json").read_text())
    assert {trial["model.dense_layers"] for trial in table} == {1, 2}
    for trial in table:
        assert ("model.dense_width" in trial) == (trial["model.dense_layers"] == 2)


def test_a_model_that_is_no_network_is_swept_too(tiny, store, tmp_path, capsys):
    keys = [f"data.path={tiny}", "model=forest", "model.trees=5", "train.share=0.02",
            "space.axes.model.sigmas=[[1],[1,2]]", "search.trials=2", *store,
            f"output={tmp_path / 'sweep'}"]  # fmt: skip
    sweep.main(compose("sweep", keys))
    summary = json.loads((tmp_path / "sweep" / "summary.json").read_text())
    assert summary["trials"]["complete"] == 2
    assert summary["best"]["params"]["model.sigmas"] in ([1], [1, 2])
    assert "estimated time per trial" in capsys.readouterr().out
