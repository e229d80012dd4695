"""Workers that stop, hang or are cut off from what they need, as processes that train."""

import json
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing

import mlflow
import optuna
import psutil
import pytest

from fibsem import sweep as command
from fibsem.config import compose
from fibsem.system.pulse import pulse
from tests import servers
from tests.processes import Command

pytestmark = pytest.mark.slow

HOW = [
    "nbhd=11x11x3", "model.blocks=1", "model.filters=4", "train.share=0.02", "train.steps=10",
    "space=smoke", "space.axes.model.blocks=[1]", "search.heartbeat_s=0.3", "search.grace_s=3",
]  # fmt: skip

#: A training that does not end by itself while a test looks at it.
LONG = ["train.epochs=12", "train.patience=null"]


class Sweeps:
    """Sweeps of one folder and one study, as a process of their own or in this one."""

    def __init__(self, tiny, store, place):
        self.home, self.folder, self.started = place, place / "sweep", []
        self.how = [f"data.path={tiny}", *HOW, f"output={self.folder}", *store]
        self.uri = f"sqlite:///{place / 'ml.db'}"
        self.storage = f"sqlite:///{self.folder / 'study.db'}"
        self.checkpoint = self.folder / "trials" / "0000" / "checkpoint.npz"

    def start(self, *overrides, module="fibsem.sweep", **environment):
        """A process at work."""
        line, log = [module, *self.how, *overrides], f"sweep-{len(self.started)}.log"
        process = Command(line, self.home, self.home / log, environment=environment)
        self.started.append(process)
        return process

    def here(self, *overrides):
        """Another command at work until its end; importing all would take seconds."""
        command.main(compose("sweep", [*self.how, *overrides]))

    def summary(self):
        return json.loads((self.folder / "summary.json").read_text())

    def table(self):
        return json.loads((self.folder / "trials.json").read_text())


@pytest.fixture
def sweeps(tiny, new_store, tmp_path):
    """Sweeps in a folder of their own."""
    made = Sweeps(tiny, new_store(tmp_path), tmp_path)
    yield made
    for process in made.started:
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
def test_a_worker_that_was_stopped_and_taken_over_stops_for_good(sweeps, tmp_path, pruner):
    how = ["search.trials=2", f"search.pruner={pruner}", *LONG]
    stopped = sweeps.start(*how)
    until(sweeps.checkpoint.exists, stopped)
    stop(stopped, sweeps.folder / "study.db", tmp_path / "ml.db")
    move_elsewhere(sweeps.storage)
    sweeps.here(*how)
    summary = sweeps.summary()
    successor = sweeps.folder / "trials" / "0000-1" / "result.json"
    before = successor.read_bytes()

    stopped.send_signal(signal.SIGCONT)
    log = finished(stopped)
    assert "was given up by another worker" in log
    assert successor.read_bytes() == before
    assert not (sweeps.folder / "trials" / "0000" / "result.json").exists()
    again = sweeps.summary()
    assert again["trials"] == summary["trials"] == {"complete": 2, "pruned": 0, "failed": 1}
    assert again["best"] == summary["best"]
    runs = children(sweeps.uri, summary["parent_run_id"])
    ended = {int(run.data.tags["fibsem.attempt"]): run.info.status for run in runs}
    assert sorted(ended.values()) == ["FINISHED", "FINISHED", "KILLED"]
    assert ended[0] == "KILLED"
    counted = {run.info.run_id for run in runs if run.info.status == "FINISHED"}
    assert json.loads(before)["run_id"] in counted
    assert summary["best"]["run_id"] in counted


def test_a_worker_that_is_stopped_on_this_machine_is_given_up_for_its_silence(
    sweeps, tmp_path, capfd
):
    how = ["search.trials=1", "train.epochs=2"]
    stopped = sweeps.start(*how, "search.stall_s=3", module="tests.search.stuck_worker")
    until((tmp_path / "beats").exists, stopped)
    stop(stopped, sweeps.folder / "study.db", tmp_path / "ml.db")
    sweeps.here(*how)
    assert "trial 0 is given up: its process said nothing for" in capfd.readouterr().err
    stopped.send_signal(signal.SIGCONT)
    assert "was given up by another worker" in finished(stopped)
    assert sweeps.summary()["trials"] == {"complete": 1, "pruned": 0, "failed": 1}


def test_a_training_that_hangs_in_a_process_of_its_own_is_given_up(sweeps, monkeypatch, capfd):
    """It is stopped, which it does not know: all that its parent sees is that no step comes."""
    monkeypatch.setattr("fibsem.system.processes.PATIENCE_S", 0.5)  # no signal ends one that is
    monkeypatch.setattr("fibsem.system.pulse.SLOWER", 2)  # its first scores may take seconds
    suspended = []

    def suspend():
        end = time.monotonic() + 120  # the first steps have ten times as long, until it tells them
        while time.monotonic() < end and (pulse().apart or not sweeps.checkpoint.exists()):
            time.sleep(0.02)
        for child in psutil.Process().children(recursive=True):
            if "forkserver" in " ".join(child.cmdline()) and not child.children():
                child.suspend()
                suspended.append(child.pid)

    beside = threading.Thread(target=suspend)
    beside.start()
    how = ["search.trials=1", "train.epochs=16", "train.patience=null", "search.stall_s=8"]
    sweeps.here(*how, "search.isolate=true")
    beside.join()
    assert len(suspended) == 1
    assert "trial 0 failed: no step for" in capfd.readouterr().err
    assert sweeps.summary()["trials"] == {"complete": 1, "pruned": 0, "failed": 1}
    assert (sweeps.folder / "trials" / "0000-1" / "result.json").exists()


def test_a_store_that_is_away_for_a_while_costs_nothing(sweeps, tmp_path):
    """The server goes in the middle of a training, and comes back with what it knew."""
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "3"  # which take 13 s each time
    retries, port = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}, servers.free_port()
    (tmp_path / "ml.db").rename(tmp_path / "server.db")  # which a server lays out in seconds
    with servers.mlflow_server(tmp_path, port) as uri:
        worker = sweeps.start(f"tracking.uri={uri}", "search.trials=2", *LONG, **retries)
        until(sweeps.checkpoint.exists, worker)
    until(lambda: "waiting for up to 600 s" in worker.log.read_text(), worker)
    with servers.mlflow_server(tmp_path, port) as uri:
        log = finished(worker)
        assert "it goes on" in log
        assert "Traceback" not in log
        summary = sweeps.summary()
        assert summary["trials"] == {"complete": 2, "pruned": 0, "failed": 0}
        runs = children(uri, summary["parent_run_id"])
        assert [run.info.status for run in runs] == ["FINISHED"] * 2
        client = mlflow.MlflowClient(uri)
        for run in runs:
            steps = [m.step for m in client.get_metric_history(run.info.run_id, "time/epoch_s")]
            assert sorted(set(steps)) == list(range(12))
    table = sweeps.table()
    assert [(row["state"], row["slot"]) for row in table] == [("complete", 0), ("complete", 1)]


def test_a_disk_that_is_full_is_waited_for_and_then_gone_on(sweeps):
    """No file may grow, as where a quota is used up; later there is room."""
    large = ["model.dense_width=1024", "train.windows=4", "train.epochs=4", "train.steps=4"]
    worker = sweeps.start("search.trials=1", *large)
    until(sweeps.checkpoint.exists, worker)
    assert sweeps.checkpoint.stat().st_size > 1_300_000  # larger than any database here
    psutil.Process(worker.pid).rlimit(psutil.RLIMIT_FSIZE, (1_300_000, -1))
    until(lambda: "waiting for up to 600 s" in worker.log.read_text(), worker)
    assert "File too large" in worker.log.read_text()
    psutil.Process(worker.pid).rlimit(psutil.RLIMIT_FSIZE, (-1, -1))
    assert "it goes on" in finished(worker)
    assert sweeps.summary()["trials"] == {"complete": 1, "pruned": 0, "failed": 0}


def test_a_second_command_on_the_files_of_keras_tuner_joins(sweeps):
    """While the first one trains, which it leaves alone."""
    how = ["search=keras_tuner", "search.trials=3", *LONG]
    first = sweeps.start(*how)
    until(sweeps.checkpoint.exists, first)
    sweeps.here(*how)
    finished(first)
    assert [(row["state"], row["slot"]) for row in sweeps.table()] == [
        ("complete", k) for k in range(3)
    ]
    statuses = [run.info.status for run in children(sweeps.uri, sweeps.summary()["parent_run_id"])]
    assert statuses == ["FINISHED"] * 3


def test_a_worker_that_hangs_in_native_code_says_so_and_ends(sweeps):
    how = ["search.trials=1", "train.epochs=2"]
    hung = sweeps.start(*how, "search.stall_s=2", module="tests.search.stuck_worker", HANG="1")
    assert "error: trial 0 is given up: no step for" in finished(hung, os.EX_TEMPFAIL)
    sweeps.here(*how)
    table = sweeps.table()
    assert [row["state"] for row in table] == ["failed", "complete"]
    assert table[0]["reason"].startswith("no step for")
