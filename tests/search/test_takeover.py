"""Workers that stop, hang or are cut off from what they need, as processes that train."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import mlflow
import optuna
import psutil
import pytest

from tests import servers
from tests.processes import Command

pytestmark = pytest.mark.slow

HOW = [
    "nbhd=11x11x3", "model.blocks=1", "model.filters=4", "train.share=0.02", "train.steps=40",
    "space=smoke", "space.axes.model.blocks=[1]", "search.heartbeat_s=0.3", "search.grace_s=3",
]  # fmt: skip

#: A training that does not end by itself while a test looks at it.
LONG = ["train.epochs=40", "train.patience=null", "train.steps=10"]


@pytest.fixture
def sweep(tiny, new_store, tmp_path):
    """Function (*overrides) -> a sweep as a process; all of them in one folder and one study."""
    started, store = [], new_store(tmp_path)

    def start(*overrides):
        line = ["fibsem.sweep", f"data.path={tiny}", *HOW, f"output={tmp_path / 'sweep'}",
                *store, *overrides]  # fmt: skip
        started.append(Command(line, tmp_path, tmp_path / f"sweep-{len(started)}.log"))
        return started[-1]

    start.folder = tmp_path / "sweep"
    start.uri = f"sqlite:///{tmp_path / 'ml.db'}"
    start.storage = f"sqlite:///{tmp_path / 'sweep' / 'study.db'}"
    yield start
    for process in started:
        process.kill()
        process.wait()


def until(ready, process, seconds=300):
    """Wait for a condition while a process is at work."""
    end = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, process.log.read_text()[-3000:]
        assert time.monotonic() < end, process.log.read_text()[-3000:]
        time.sleep(0.02)


def stop(process, *databases):
    """Stop a process where it keeps nobody from a database: with a lock, all would wait for it."""
    while True:
        process.send_signal(signal.SIGSTOP)
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        if all(_is_free(database) for database in databases):
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.05)


def _is_free(database):
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")  # who reads keeps others from writing, too
        except sqlite3.OperationalError:
            return False
    return True


def finished(process, code=0):
    assert process.wait(timeout=300) == code, process.log.read_text()[-3000:]
    return process.log.read_text()


def children(uri, parent):
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("phantom").experiment_id
    return client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")


def move_elsewhere(storage):
    """Let the owner of every running trial be on another machine, where nobody can look."""
    study = optuna.load_study(study_name="sweep", storage=storage)
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        owner = json.loads(trial.user_attrs["owner"])
        study._storage.set_trial_user_attr(
            trial._trial_id, "owner", json.dumps({**owner, "host": "elsewhere"})
        )
    study._storage.remove_session()
    study._storage._backend.engine.dispose()


@pytest.mark.parametrize("pruner", ["none", "median"])
def test_a_worker_that_was_stopped_and_taken_over_stops_for_good(sweep, tmp_path, pruner):
    how = ["search.trials=2", "train.epochs=12", f"search.pruner={pruner}"]
    stopped = sweep(*how)
    until((sweep.folder / "trials" / "0000" / "checkpoint.npz").exists, stopped)
    stop(stopped, sweep.folder / "study.db", tmp_path / "ml.db")
    move_elsewhere(sweep.storage)
    finished(sweep(*how))
    summary = json.loads((sweep.folder / "summary.json").read_text())
    successor = sweep.folder / "trials" / "0000-1" / "result.json"
    before = successor.read_bytes()

    stopped.send_signal(signal.SIGCONT)
    log = finished(stopped)
    assert "was given up by another worker" in log
    assert successor.read_bytes() == before
    assert not (sweep.folder / "trials" / "0000" / "result.json").exists()
    again = json.loads((sweep.folder / "summary.json").read_text())
    assert again["trials"] == summary["trials"] == {"complete": 2, "pruned": 0, "failed": 1}
    assert again["best"] == summary["best"]
    runs = children(sweep.uri, summary["parent_run_id"])
    ended = {int(run.data.tags["fibsem.attempt"]): run.info.status for run in runs}
    assert sorted(ended.values()) == ["FINISHED", "FINISHED", "KILLED"]
    assert ended[0] == "KILLED"
    counted = {run.info.run_id for run in runs if run.info.status == "FINISHED"}
    assert json.loads(before)["run_id"] in counted
    assert summary["best"]["run_id"] in counted


def test_a_worker_that_is_stopped_on_this_machine_is_given_up_for_its_silence(sweep, tmp_path):
    how = ["search.trials=1", "train.epochs=12", "search.stall_s=4"]
    stopped = sweep(*how)
    until((sweep.folder / "trials" / "0000" / "checkpoint.npz").exists, stopped)
    stop(stopped, sweep.folder / "study.db", tmp_path / "ml.db")
    other = sweep(*how)
    assert "trial 0 is given up: its process said nothing for" in finished(other)
    stopped.send_signal(signal.SIGCONT)
    assert "was given up by another worker" in finished(stopped)
    summary = json.loads((sweep.folder / "summary.json").read_text())
    assert summary["trials"] == {"complete": 1, "pruned": 0, "failed": 1}


def test_a_training_that_hangs_in_a_process_of_its_own_is_given_up(sweep):
    """It is stopped, which it does not know: all that its parent sees is that no step comes."""
    worker = sweep("search.trials=1", "train.epochs=12", "search.isolate=true", "search.stall_s=6")
    until((sweep.folder / "trials" / "0000" / "checkpoint.npz").exists, worker)
    children_of = [
        child
        for child in psutil.Process(worker.pid).children(recursive=True)
        if "forkserver" in " ".join(child.cmdline()) and not child.children()
    ]
    assert len(children_of) == 1
    children_of[0].suspend()
    log = finished(worker)
    assert "trial 0 failed: no step for" in log
    summary = json.loads((sweep.folder / "summary.json").read_text())
    assert summary["trials"] == {"complete": 1, "pruned": 0, "failed": 1}
    assert (sweep.folder / "trials" / "0000-1" / "result.json").exists()


def test_a_store_that_is_away_for_a_while_costs_nothing(sweep, tmp_path):
    """The server goes in the middle of a training, and comes back with what it knew."""
    port = servers.free_port()
    with servers.mlflow_server(tmp_path, port) as uri:
        worker = sweep(f"tracking.uri={uri}", "search.trials=2", *LONG)
        until((sweep.folder / "trials" / "0000" / "checkpoint.npz").exists, worker)
    until(lambda: "waiting for up to 600 s" in worker.log.read_text(), worker)
    time.sleep(5)
    with servers.mlflow_server(tmp_path, port) as uri:
        log = finished(worker)
        assert "it goes on" in log
        assert "Traceback" not in log
        summary = json.loads((sweep.folder / "summary.json").read_text())
        assert summary["trials"] == {"complete": 2, "pruned": 0, "failed": 0}
        runs = children(uri, summary["parent_run_id"])
        assert [run.info.status for run in runs] == ["FINISHED"] * 2
        client = mlflow.MlflowClient(uri)
        for run in runs:
            steps = [m.step for m in client.get_metric_history(run.info.run_id, "time/epoch_s")]
            assert sorted(set(steps)) == list(range(40))
    table = json.loads((sweep.folder / "trials.json").read_text())
    assert [(row["state"], row["slot"]) for row in table] == [("complete", 0), ("complete", 1)]


def test_a_disk_that_is_full_is_waited_for_and_then_gone_on(sweep):
    """No file may grow, as where a quota is used up; later there is room."""
    how = ["search.trials=1", *LONG, "model.dense_width=1024", "train.windows=4"]
    worker = sweep(*how)
    checkpoint = sweep.folder / "trials" / "0000" / "checkpoint.npz"
    until(checkpoint.exists, worker)
    assert checkpoint.stat().st_size > 1_300_000  # larger than any database here
    psutil.Process(worker.pid).rlimit(psutil.RLIMIT_FSIZE, (1_300_000, -1))
    until(lambda: "waiting for up to 600 s" in worker.log.read_text(), worker)
    assert "File too large" in worker.log.read_text()
    psutil.Process(worker.pid).rlimit(psutil.RLIMIT_FSIZE, (-1, -1))
    assert "it goes on" in finished(worker)
    summary = json.loads((sweep.folder / "summary.json").read_text())
    assert summary["trials"] == {"complete": 1, "pruned": 0, "failed": 0}


def test_a_second_command_on_the_files_of_keras_tuner_joins(sweep):
    how = ["search=keras_tuner", "search.trials=4", "train.epochs=6"]
    first, second = sweep(*how), sweep(*how)
    finished(first)
    finished(second)
    table = json.loads((sweep.folder / "trials.json").read_text())
    assert [(row["state"], row["slot"]) for row in table] == [("complete", k) for k in range(4)]
    summary = json.loads((sweep.folder / "summary.json").read_text())
    statuses = [run.info.status for run in children(sweep.uri, summary["parent_run_id"])]
    assert statuses == ["FINISHED"] * 4


HUNG = """
import ctypes, sys
from fibsem.config import Configuration, compose
from fibsem.search import owner
from fibsem.search.sweep import Sweep
from fibsem.system import pulse
from fibsem.tracking.runs import Tracking
from fibsem.training.datasets import obtain
from fibsem.training.start import pinned

owner.LAST_S = 0.5
tree = compose("sweep", sys.argv[2:])
given = pinned(Configuration(tree))
dataset = obtain(given.data, given.split)
from pathlib import Path
tracking = Tracking.open(given.tracking, dataset.name)
sweep = Sweep.open(given, dataset, Path(sys.argv[1]), tracking)

def hang(job, on_epoch):
    pulse.step()
    pulse.step()
    ctypes.CDLL(None).sleep(1000)  # in native code, where nothing can be raised

sweep.work(hang, lambda *_: None)
"""


def test_a_worker_that_hangs_in_native_code_says_so_and_ends(sweep, tiny, tmp_path):
    how = [
        f"data.path={tiny}", *HOW, f"output={sweep.folder}", "search.trials=1", "train.epochs=2",
        f"tracking.uri={sweep.uri}", f"tracking.artifacts={tmp_path / 'artifacts'}",
        "search.stall_s=2",
    ]  # fmt: skip
    line = [sys.executable, "-c", HUNG, str(sweep.folder), *how]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == os.EX_TEMPFAIL, done.stderr[-3000:]
    assert "error: trial 0 is given up: no step for" in done.stderr
    finished(sweep("search.trials=1", "train.epochs=2"))
    table = json.loads((sweep.folder / "trials.json").read_text())
    assert [row["state"] for row in table] == ["failed", "complete"]
    assert table[0]["reason"].startswith("no step for")
