"""One worker: what it claims is its own, what it lost is not published, outages are waited for.

The trainings are stood for by functions; studies, runs and folders are real.
"""

import errno
import json
import os
from dataclasses import replace

import pytest
import tensorflow as tf

from fibsem.config import Configuration, RankConfig, compose
from fibsem.errors import DeviceError, OutageError, UserError
from fibsem.promotion.trials import best_trials
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.search.workers.keeping import inherit
from fibsem.search.workers.worker import Held, Worker
from fibsem.system.files import write_json
from fibsem.system.summaries.sweep import Counts
from fibsem.training.failures import TrialFailedError
from fibsem.training.material.datasets import obtain
from fibsem.training.run import CHECKPOINT
from tests.search.sweeps import epoch, finished, journal_in, opened_of


@pytest.fixture
def begin(tiny, store, tmp_path, monkeypatch):
    """Function (*overrides, folder) -> a sweep; called again, as another process has it."""
    opened = []
    monkeypatch.setattr("fibsem.system.outages.FIRST_S", 0.01)
    monkeypatch.setattr("fibsem.search.workers.worker.POLL_S", 0.05)

    def make(*overrides, folder="sweep"):
        given = [f"data.path={tiny}", "nbhd=11x11x3", "space=smoke", "space.axes.model.blocks=[1]",
                 *store, f"output={tmp_path / folder}"]  # fmt: skip
        if "search=keras_tuner" not in overrides:
            given.append(f"search.storage={journal_in(tmp_path / folder)}")
        given += overrides
        config = Configuration(compose("sweep", given))
        opened.append(opened_of(config, tmp_path / folder))
        return opened[-1]

    yield make
    for sweep in opened:
        sweep.study.close()


def begun(sweep, job):
    """Begin the run of a training, as run_job does."""
    known = job.folder / "run.json"
    if not known.is_file():
        run_id = sweep.tracking.start(job.name, tags=job.tags, parent=job.parent)
        write_json(known, {"run_id": run_id})
    return json.loads(known.read_text())["run_id"]


def trained(sweep, job, loss=0.5):
    """The result of a training that ran to its end."""
    run_id = begun(sweep, job)
    data = sweep.tracking.client.get_run(sweep.parent).data.tags["fibsem.data"]
    sweep.tracking.tag(run_id, {"fibsem.data": data})
    result = replace(finished(loss), run_id=run_id)
    sweep.tracking.log_metrics(run_id, result.metrics())
    sweep.tracking.log_json(run_id, job.tree, "config.json")
    return result


def quiet(text, done, total):
    pass


def statuses(sweep):
    """Status of every run of a sweep by the number of its attempt."""
    return {
        int(run.data.tags["fibsem.attempt"]): run.info.status
        for run in sweep.tracking.children(sweep.parent)
    }


@pytest.mark.parametrize(
    "how", ["search.pruner=none", "search.pruner=median", "search=keras_tuner"]
)
def test_what_a_worker_lost_it_neither_tells_nor_touches(begin, how, capsys):
    """It was stopped, another one took the trial, and it goes on."""
    stopped, rival = (begin(how, "search.trials=1") for _ in range(2))
    won = []

    def take_over(job, on_epoch):
        won.append(trained(rival, job, 0.4))
        return won[0]

    def stop_and_continue(job, on_epoch):
        mine = trained(stopped, job, 0.1)
        on_epoch(epoch(0, 0.9))
        running = next(a for a in rival.study.attempts() if a.state == "running")
        rival.study.fail(running, "killed", "killed")  # as it is by its silence
        rival.work(take_over, quiet)
        on_epoch(epoch(1, 0.8))
        return mine

    stopped.work(stop_and_continue, quiet)
    assert statuses(stopped) == {0: "KILLED", 1: "FINISHED"}
    assert stopped.best().run_id == won[0].run_id
    assert stopped.finish(1.0).trials == Counts(1, 0, 1)
    assert "was given up by another worker" in capsys.readouterr().err
    folders = [json.loads((stopped.folder / "trials" / name / "run.json").read_text())["run_id"]
               for name in ("0000", "0000-1")]  # fmt: skip
    assert folders[1] == won[0].run_id
    assert folders[0] != folders[1]


def test_promotion_sees_what_the_study_counts_and_nothing_else(begin, tiny):
    """A better one that was lost, one that runs, and one that its worker could not publish."""
    sweep = begin("search.trials=3", "tracking.experiment=counts", folder="counts")
    sweep.study.open_slots()
    worker = Worker(sweep, None, quiet)
    lost, counted, running = (sweep.study.claim() for _ in range(3))
    records = {a.number: trained(sweep, worker._job(Held(a)), 0.1 * (1 + a.number))
               for a in (lost, counted, running)}  # fmt: skip
    sweep.study.fail(lost, "killed", "killed")
    sweep.study.complete(
        counted, [0.2], TrialRecord.of(records[counted.number], {}, "")
    )  # and then it was killed
    assert set(statuses(sweep).values()) == {"RUNNING"}
    sweep.reconcile()
    assert statuses(sweep) == {0: "KILLED", 1: "FINISHED", 2: "RUNNING"}
    config = sweep.configuration.run
    dataset = obtain(config.data, config.split)
    found = best_trials(sweep.tracking, dataset, RankConfig(k=5), [sweep.study.name])
    assert [trial.run_id for trial in found] == [records[counted.number].run_id]
    # what a former version took for finished, the study decides
    sweep.tracking.end(records[lost.number].run_id, "FINISHED")
    sweep.reconcile()
    assert statuses(sweep)[lost.number] == "KILLED"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_waited_for_and_costs_nothing(begin, capsys, number):
    sweep = begin("search.trials=1", "search.max_failures=1", "seed=7")
    jobs = []

    def write(job, on_epoch):
        jobs.append(job)
        run_id = begun(sweep, job)
        if len(jobs) < 3:
            raise OSError(number, os.strerror(number), "checkpoint.npz")
        return replace(trained(sweep, job), run_id=run_id)

    sweep.work(write, quiet)
    assert len({job.folder for job in jobs}) == len({job.tree["seed"] for job in jobs}) == 1
    assert [(one.state, one.attempt.attempt) for one in sweep.study.outcomes()] == [("complete", 0)]
    assert statuses(sweep) == {0: "FINISHED"}
    said = capsys.readouterr().err
    assert said.count("waiting for up to 600 s") == 1
    assert f"checkpoint.npz must be usable, but: {os.strerror(number)}; make room" in said
    assert "it goes on" in said


@pytest.mark.slow
@pytest.mark.parametrize("backend", [[], ["search=keras_tuner"]])
def test_what_is_away_for_long_ends_the_worker_and_fails_no_trial(begin, backend):
    how = [*backend, "search.trials=1", "search.retries=0", "search.patience_s=0.05", "seed=7"]
    sweep, jobs = begin(*how), []

    def away(job, on_epoch):
        jobs.append(job)
        begun(sweep, job)
        (job.folder / CHECKPOINT).write_text("epoch 5")
        raise OutageError("`tracking.uri` must answer, but the server does not: 500.")

    for _ in range(3):
        with pytest.raises(OutageError, match="must answer"):
            sweep.work(away, quiet)
    assert [one.state for one in sweep.study.outcomes()] == ["stopped"] * 3 + ["waiting"]
    assert set(statuses(sweep).values()) == {"KILLED"}

    def back(job, on_epoch):
        jobs.append(job)
        assert (job.folder / CHECKPOINT).read_text() == "epoch 5"
        return trained(sweep, job)

    again = begin(*how)
    again.work(back, quiet)
    assert {job.tree["seed"] for job in jobs} == {7}
    assert again.finish(1.0).trials == Counts(1, 0, 0)


def test_an_accelerator_that_fails_ends_the_worker_and_the_training_goes_on(begin):
    """In a new process, from its checkpoint; not for ever, for its network may be to blame."""
    how = ["search.trials=1", "search.retries=1", "seed=7", "tracking.experiment=accelerators"]
    sweep, jobs = begin(*how, folder="accelerators"), []

    def fail(job, on_epoch):
        jobs.append(job)
        begun(sweep, job)
        (job.folder / CHECKPOINT).write_text("epoch 5")
        raise tf.errors.InternalError(None, None, "CUDA_ERROR_LAUNCH_FAILED")

    with pytest.raises(DeviceError, match="CUDA_ERROR_LAUNCH_FAILED"):
        sweep.work(fail, quiet)
    assert len(jobs) == 1
    following = sweep.study.claim()
    assert (following.slot, following.strikes, following.failures) == (0, 1, 0)
    inherit(following, sweep.study.attempts(), sweep.folder / "trials")
    kept = sweep.folder / "trials" / following.folder_name / CHECKPOINT
    assert kept.read_text() == "epoch 5"
    assert statuses(sweep) == {0: "KILLED"}


@pytest.mark.slow
def test_what_failed_before_this_start_does_not_count(begin):
    how = ["search.trials=2", "search.max_failures=2", "search.retries=5"]

    def fail(job, on_epoch):
        raise TrialFailedError("no GPU", "a traceback", final=False)

    for _ in range(2):
        sweep = begin(*how)
        with pytest.raises(UserError, match="allows 2 failed trials in a row"):
            sweep.work(fail, quiet)
    mended = begin(*how)
    mended.work(lambda job, on_epoch: trained(mended, job), quiet)
    assert mended.summary(1.0).trials.complete == 2


def test_the_end_of_a_process_costs_no_seed_but_counts(begin):
    """The kernel ended it, whoever was to blame: the next one goes on; without end it does not."""
    sweep = begin("search.trials=1", "search.retries=1", "search.max_failures=3", "seed=7")
    jobs = []

    def end(job, on_epoch):
        jobs.append(job)
        raise TrialFailedError(
            "its process was ended by SIGKILL", "", final=False, of_training=False
        )

    with pytest.raises(UserError, match="SIGKILL"):
        sweep.work(end, quiet)
    assert [(job.folder.name, job.tree["seed"]) for job in jobs] == [
        ("0000", 7), ("0000-1", 7), ("0001", 7)
    ]  # fmt: skip


def test_a_checkpoint_goes_to_the_attempt_with_the_same_seed(begin, tmp_path):
    sweep = begin("search.trials=1", "search.retries=9")
    sweep.study.open_slots()
    trials, found = tmp_path / "trials", []
    for cause in ("killed", "let_go", "own", "ended", "ended"):
        attempt = sweep.study.claim()
        inherit(attempt, sweep.study.attempts(), trials)
        checkpoint = trials / attempt.folder_name / CHECKPOINT
        found.append(checkpoint.read_text() if checkpoint.is_file() else None)
        if attempt.attempt in (0, 3):  # the others were gone before they had one
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            checkpoint.write_text(f"of {attempt.attempt}")
        sweep.study.fail(attempt, "", cause)
    assert found == [None, "of 0", "of 0", None, "of 3"]


def test_a_claim_whose_answer_was_lost_is_not_left_running(begin):
    sweep = begin("search.trials=1")
    sweep.study.open_slots()
    attempt = sweep.study.claim()
    sweep.study._running.clear()
    assert [gone for gone, _ in sweep.study.recover()] == [
        replace(attempt, values=attempt.values, state="running")
    ]
    assert [a.state for a in sweep.study.attempts()] == ["failed", "waiting"]


@pytest.mark.parametrize(
    "how", [[], ["search.pruner=median"], ["search.rungs=[[4,1],[1,2]]", "search.trials=5"]]
)
def test_a_turn_looks_eight_times_at_a_study_that_may_be_far_away(begin, monkeypatch, how):
    """Whatever its way to search; it was fourteen times."""
    sweep = begin("search.trials=5", "train.epochs=2", *how)
    looks, trials = [], sweep.study.trials
    look = trials.all
    monkeypatch.setattr(trials, "all", lambda: looks.append(None) or look())
    jobs = []

    def execute(job, on_epoch):
        jobs.append(job)
        for number in range(2):
            on_epoch(epoch(number, 0.5))
        return finished(0.5)

    sweep.work(execute, lambda *_: None)
    assert len(jobs) == 5
    assert len(looks) <= 8 * len(jobs) + 1  # the last turn finds all of them there
