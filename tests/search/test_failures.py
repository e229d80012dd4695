"""Trials that fail, diverge, are pruned or given up, and the sweep around them."""

import json

import pytest

from fibsem.errors import UserError
from fibsem.system.summaries.sweep import Counts
from fibsem.training.failures import TrialFailedError
from tests.search.sweeps import children, finished, opened, worked


@pytest.mark.slow
def test_a_trial_that_diverges_is_recorded_and_the_sweep_goes_on(run, capsys):
    summary = run(
        "~space.axes.train.learning_rate", "+space.axes.train.learning_rate=[0.01,1e30]",
        "space.axes.model.filters=[4]", "search.retries=1", trials=3,
    )  # fmt: skip
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


def test_when_everything_fails_the_sweep_stops_and_says_why(tiny, store, tmp_path):
    failing = opened(
        "search.max_failures=3", "search.trials=5", tiny=tiny, store=store, folder=tmp_path
    )

    def diverge(job, on_epoch):
        raise TrialFailedError("the loss is nan", "Traceback", final=False)

    with pytest.raises(UserError, match=r"allows 3 failed trials in a row.*the loss is nan"):
        failing.work(diverge, lambda text, done, total: None)
    failing.study.close()


def test_a_trial_that_is_given_up_makes_room_for_another_one(here, backend):
    sweep = opened(*backend, "search.trials=2", "search.retries=0", **here)
    failed = TrialFailedError("diverged", "a traceback", final=False)
    jobs = worked(sweep, [failed, finished(0.5), finished(0.4)])
    assert [job.folder.name for job in jobs] == ["0000", "0001", "0002"]
    assert sweep.summary(0).trials == Counts(2, 0, 1)
    sweep.study.close()


def test_divergence_is_news_of_hyperparameters_and_is_not_tried_again(here, backend):
    """It fills its slot; three in a row end the sweep."""
    reason = "diverged: the training loss is nan in epoch 1"
    failed = TrialFailedError(reason, "a traceback", final=False, diverged=True)
    sweep = opened(*backend, "search.trials=3", "search.retries=2", "search.max_failures=3", **here)
    jobs = worked(sweep, [finished(0.5), failed, finished(0.4)])
    assert [job.folder.name for job in jobs] == ["0000", "0001", "0002"]
    (outcome,) = [one for one in sweep.study.outcomes() if one.reason]
    assert outcome.reason == reason
    assert sweep.best().objectives == (0.6,)
    assert outcome.state == "pruned"
    assert outcome.diverged
    sweep.study.close()


def test_an_oracle_takes_what_diverged_for_the_worst_so_far(here):
    """Also what did before there was any value; it draws from what it knows, read anew, too."""
    failed = TrialFailedError("diverged: nan", "a traceback", final=False, diverged=True)
    how = [
        "search=keras_tuner", "search.sampler=bayesian", "search.startup_trials=5",
        "space.axes.model.blocks=[1]",
    ]  # fmt: skip
    sweep = opened(*how, "search.trials=5", **here)
    worked(sweep, [failed, finished(0.4), finished(0.5), failed, finished(0.3)])
    sweep.study.close()
    again = opened(*how, "search.trials=5", **here)
    again.study.attempts()  # reads the file
    trials = [again.study.oracle.trials[kept.oracle_id] for kept in again.study.file.attempts]
    assert [trial.status for trial in trials] == ["COMPLETED"] * 5
    assert [trial.score for trial in trials] == pytest.approx([0.6, 0.6, 0.5, 0.5, 0.7])
    assert again.summary(0).trials == Counts(3, 2, 0)
    again.study.close()


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
    states = [(one.state, one.cause == "own") for one in sweep.study.outcomes()]
    assert states == [("stopped", False), ("failed", True), ("failed", True), ("complete", False)]
    sweep.study.close()


@pytest.mark.slow
def test_files_record_failures_and_the_sweep_goes_on(run):
    """Points are of axes that leave the network as it is: it is drawn and traced once."""
    summary = run(
        "search=keras_tuner", "~space.axes.train.learning_rate",
        "+space.axes.train.learning_rate=[0.01,1e30]", "+space.axes.train.warmup=[0,0.1,0.2]",
        "space.axes.model.filters=[4]", "search.retries=0", trials=3,
    )  # fmt: skip
    assert summary["trials"]["complete"] + summary["trials"]["pruned"] == 3
    table = json.loads((run.folder / "sweep" / "trials.json").read_text())
    failed = [trial for trial in table if trial["reason"]]
    assert len(failed) == summary["trials"]["failed"] + summary["trials"]["pruned"]
    assert all("loss is" in trial["reason"] for trial in failed)
    assert len({trial["slot"] for trial in table}) == len(table)


@pytest.mark.slow
def test_an_isolated_trial_that_is_killed_ends_alone(run, monkeypatch):
    """The kernel's way with a trial that takes too much memory: SIGKILL, seen as a named reason."""
    from fibsem.search.workers import executors as isolation

    converse, killed = isolation._converse, []

    def kill_the_first(pipe, process, on_epoch):
        if not killed:
            killed.append(process.pid)
            process.kill()
        return converse(pipe, process, on_epoch)

    monkeypatch.setattr(isolation, "_converse", kill_the_first)
    summary = run("search.isolate=true", trials=1)
    assert summary["trials"] == {"complete": 1, "pruned": 0, "failed": 1}
    table = json.loads((run.folder / "sweep" / "trials.json").read_text())
    assert "SIGKILL, out of memory?" in next(t["reason"] for t in table if t["state"] == "failed")


@pytest.mark.slow
def test_a_pruned_trial_is_marked_and_counts(run):
    summary = run(
        "search.objectives=[val/loss]", "search.pruner=median", "search.startup_trials=1",
        "search.pruner_warmup=0", "search.seed=1",
        "~space.axes.train.learning_rate", "+space.axes.train.learning_rate=[0.02,1e-5]",
        "space.axes.model.filters=[4]", "train.min_learning_rate=1e-7", "train.epochs=4", trials=4,
    )  # fmt: skip
    assert summary["trials"]["complete"] + summary["trials"]["pruned"] == 4
    assert summary["trials"]["pruned"] >= 1
    _, runs = children(run, summary["parent_run_id"])
    marked = [r for r in runs if r.data.tags.get("fibsem.state") == "pruned"]
    assert len(marked) == summary["trials"]["pruned"]
    assert all("pruned after epoch" in r.data.tags["fibsem.reason"] for r in marked)
