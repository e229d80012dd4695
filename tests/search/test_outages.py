"""What a storage and a store do when they are away: real servers, stopped and started again."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import google.auth.exceptions
import pytest
import tensorflow as tf
import urllib3
from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from fibsem.config import SearchConfig, TrackingConfig
from fibsem.errors import DeviceError, OutageError, UserError, one_line
from fibsem.search.studies.optuna_study import OptunaStudy
from fibsem.search.studies.samplers import objectives
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.system.files import read_json
from fibsem.system.outages import Patience, outage_of, weathered
from fibsem.tracking.runs import Tracking
from fibsem.tracking.store import client_of
from tests import servers
from tests.processes import Command
from tests.search import slot_worker
from tests.search.sweeps import epoch

#: Where a tracking server has the artifacts of its runs.
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture(autouse=True)
def _closed(closed):
    """Connections are let go, whatever happened."""


def test_the_environments_errors_are_told_from_the_trials_own():
    full = OSError(28, "No space left on device", "checkpoint.npz")
    assert "checkpoint.npz must be usable, but: No space left" in str(outage_of(full))
    assert outage_of(ConnectionRefusedError("refused")) is not None
    assert "ulimit -u" in str(outage_of(RuntimeError("can't start new thread")))
    for own in (MemoryError(), OSError(12, "Cannot allocate memory"), ValueError("nan")):
        assert outage_of(own) is None
    with pytest.raises(OutageError, match="said by us") as caught, weathered():
        raise UserError("said by us") from full
    assert outage_of(caught.value) is caught.value
    behind = ValueError("its own")
    behind.__context__ = full  # raised while the other one was handled, but not because of it
    assert outage_of(behind) is None


def of_package(name, kind):
    """An error of a package that is not needed here."""
    return type(kind, (Exception,), {"__module__": name})


@pytest.mark.parametrize(
    "error",
    [
        google.auth.exceptions.TransportError("403 Forbidden"),
        urllib3.exceptions.ProtocolError("503 Slow Down"),
        of_package("boto3.exceptions", "S3UploadFailedError")("403 Forbidden"),
        of_package("botocore.errorfactory", "NoSuchBucket")("403 Forbidden\nwith more"),
        of_package("google.api_core.exceptions", "ServiceUnavailable")("503 Slow Down"),
        of_package("azure.core.exceptions", "HttpResponseError")("403 Forbidden"),
    ],
    ids=lambda error: type(error).__module__,
)
def test_a_cloud_that_refuses_artifacts_is_an_outage(error, new_store, tmp_path, monkeypatch):
    """What its packages raise is no error of the system."""

    class Refusing(LocalArtifactRepository):
        def log_artifact(self, *_):
            raise error

    monkeypatch.setitem(_artifact_repository_registry._registry, "refusing", Refusing)
    new_store(tmp_path)
    uri = f"sqlite:///{tmp_path / 'ml.db'}"
    elsewhere = client_of(uri).create_experiment("cloud", artifact_location="refusing://bucket")
    tracking = Tracking(uri, elsewhere)
    run_id = tracking.start("run", tags={})
    said = r"^the place of the artifacts must answer, but says: (403 Forbidden|503 Slow Down)$"
    with pytest.raises(OutageError, match=said):
        tracking.log_json(run_id, {}, "config.json")


LOST = "Failed to copy: CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure"


@pytest.mark.parametrize(
    ("kind", "said", "lost"),
    [
        ("InternalError", LOST, True),
        ("UnknownError", "Graph execution error:\n\ncuDNN launch failure", True),
        ("FailedPreconditionError", "DNN library initialization failed.", True),
        ("InternalError", "cudaSetDevice() on GPU:0 failed. Status: out of memory", False),
        ("ResourceExhaustedError", "OOM on /device:GPU:0", False),
        ("InvalidArgumentError", "CUDNN_STATUS_BAD_PARAM", False),
        ("InternalError", "Unsupported shape on /device:CPU:0", False),
    ],
)
def test_an_accelerator_that_fails_is_told_from_what_it_was_given(kind, said, lost):
    error = getattr(tf.errors, kind)(None, None, said)
    assert isinstance(outage_of(error), DeviceError) == lost
    if lost:
        line = said.splitlines()[-1]
        assert one_line(error) == f"the accelerator must work, but says: {line}"
        with pytest.raises(DeviceError):  # which does not come back while this process lives
            Patience(600).wait(outage_of(error))


def test_patience_ends_and_begins_anew_with_progress(monkeypatch, capsys):
    monkeypatch.setattr("fibsem.system.outages.FIRST_S", 0.01)
    patience, outage = Patience(0.3), OutageError("away")
    for _ in range(2):
        patience.wait(outage)
        patience.renew()
    started = time.monotonic()
    with pytest.raises(OutageError, match="away"):
        _wait_for_ever(patience, outage)
    assert time.monotonic() - started >= 0.3
    said = capsys.readouterr().err
    assert (said.count("waiting"), said.count("it goes on")) == (3, 2)


def _wait_for_ever(patience, outage):
    while True:
        patience.wait(outage)


@contextmanager
def answering(code):
    """A server that answers everything with one status."""

    class Answer(BaseHTTPRequestHandler):
        def answer(self):
            self.send_response(code)
            self.end_headers()
            self.wfile.write(b"out of order")

        def __getattr__(self, name):
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("code", [403, 429, 500, 503])
def test_a_store_that_is_out_of_order_is_an_outage(code, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with answering(code) as uri:
        tracking = Tracking(uri, "0")
        for tell in (
            lambda: tracking.log_metrics("0" * 32, {"loss": 1.0}),
            lambda: tracking.resume("0" * 32),  # it may well know the run
            lambda: tracking.tag_and_end("0" * 32, {}),
            lambda: tracking.start("run", tags={}),
        ):
            with pytest.raises(
                OutageError, match=rf"`tracking.uri` must answer, but {uri}"
            ) as told:
                tell()
            assert "\n" not in str(told.value)


def test_a_store_that_nobody_answers_for_is_an_outage(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracking = Tracking(f"http://127.0.0.1:{servers.free_port()}", "0")
    with pytest.raises(OutageError, match="must answer"):
        tracking.log_metrics("0" * 32, {"loss": 1.0})


def test_a_run_that_a_store_does_not_know_is_no_outage(new_store, tmp_path):
    new_store(tmp_path)
    config = TrackingConfig(f"sqlite:///{tmp_path / 'ml.db'}", str(tmp_path / "artifacts"))
    tracking = Tracking.open(config, "film")
    assert not tracking.resume("0" * 32)
    assert not tracking.tag_and_end("0" * 32, {"state": "complete"})
    run_id = tracking.start("run", tags={})
    assert tracking.resume(run_id)
    tracking.client.delete_run(run_id)
    assert not tracking.resume(run_id)


def test_a_database_that_is_damaged_meanwhile_is_an_outage(new_store, tmp_path):
    new_store(tmp_path)
    config = TrackingConfig(f"sqlite:///{tmp_path / 'ml.db'}", str(tmp_path / "artifacts"))
    tracking = Tracking.open(config, "film")
    run_id, file = tracking.start("run", tags={}), tmp_path / "ml.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + bytes(len(whole) - 8192))
    with pytest.raises(OutageError, match=r"must answer, but sqlite.* disk image is malformed"):
        tracking.log_metrics(run_id, {"loss": 1.0})


def test_what_is_deleted_while_it_is_written_to_is_an_outage(new_store, tmp_path):
    """Of no trial's making, and people can restore it."""
    new_store(tmp_path)
    config = TrackingConfig(f"sqlite:///{tmp_path / 'ml.db'}", str(tmp_path / "artifacts"))
    tracking = Tracking.open(config, "deleted meanwhile")
    run_id = tracking.start("run", tags={})
    tracking.client.delete_run(run_id)
    deleted = r"`tracking.uri` must keep .* somebody has deleted it: The {} .* is deleted\.$"
    with pytest.raises(OutageError, match=deleted.format("run")):
        tracking.log_metrics(run_id, {"loss": 1.0})
    tracking.client.restore_run(run_id)
    tracking.client.delete_experiment(tracking.experiment_id)
    with pytest.raises(OutageError, match=deleted.format("experiment")):
        tracking.start("run", tags={})
    with pytest.raises(UserError, match=r"`tracking.experiment` must not be .*restore -x \d+`"):
        Tracking.open(config, "deleted meanwhile")
    tracking.client.restore_experiment(tracking.experiment_id)
    assert Tracking.open(config, "deleted meanwhile") == tracking
    assert tracking.start("run", tags={})


def test_an_artifact_place_that_cannot_be_written_to_is_an_outage(new_store, tmp_path):
    new_store(tmp_path)
    config = TrackingConfig(f"sqlite:///{tmp_path / 'ml.db'}", str(tmp_path / "artifacts"))
    tracking = Tracking.open(config, "film")
    run_id = tracking.start("run", tags={})
    (tmp_path / "artifacts").write_text("a file where the folder was")
    with pytest.raises(OutageError, match="artifacts"):
        tracking.log_json(run_id, {}, "config.json")


@pytest.mark.parametrize("code", [403, 500])
def test_an_artifact_place_that_is_out_of_order_is_an_outage(
    code, new_store, tmp_path, monkeypatch
):
    """The database answers, the place of the files does not."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    new_store(tmp_path)
    uri = f"sqlite:///{tmp_path / 'ml.db'}"
    file = tmp_path / "figure.png"
    file.write_bytes(b"a picture")
    with answering(code) as place:
        elsewhere = client_of(uri).create_experiment(
            "elsewhere", artifact_location=f"{place}{ARTIFACTS}"
        )
        tracking = Tracking(uri, elsewhere)
        run_id = tracking.start("run", tags={})
        for tell in (
            lambda: tracking.log_json(run_id, {}, "config.json"),
            lambda: tracking.log_file(run_id, file),
            lambda: tracking.read_json(run_id, "config.json"),
        ):
            with pytest.raises(OutageError) as told:
                tell()
            assert str(code) in str(told.value)
            assert "\n" not in str(told.value)
        tracking.end(run_id)


@pytest.fixture
def server(tmp_path):
    """A PostgreSQL server of a test's own, which may stop it."""
    if servers.postgres_binaries() is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    server = servers.Postgres(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
def test_a_study_in_postgresql_with_a_pruner_survives_that_it_is_away(server, tmp_path):
    """Every call says so while it is, and does what it says when it is back."""
    search = SearchConfig(
        trials=3, objectives=("val/loss",), storage=server.url, pruner="median", sampler="random"
    )
    study = OptunaStudy(
        "test", tmp_path, search, slot_worker.space(), objectives(search.objectives)
    )
    slot_worker.OPENED.append(study)
    study.open_slots()
    attempt = study.claim()
    assert not study.report(attempt, epoch(0, 1.0))
    server.stop()
    try:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            for call in (
                lambda: study.report(attempt, epoch(1, 0.9)),
                lambda: study.claim(),
                lambda: study.recover(),
                lambda: study.complete(attempt, [0.5], TrialRecord()),
                lambda: study.fail(attempt, "none", "own"),
            ):
                with pytest.raises(
                    OutageError, match=r"`search.storage` must answer, but postgres"
                ):
                    call()
            time.sleep(0.5)
        server.start()
        assert not study.report(attempt, epoch(1, 0.9))
        study.complete(attempt, [0.5], TrialRecord())
        assert [a.state for a in study.attempts()] == ["complete", "waiting", "waiting"]
        assert study.claim().slot == 1
    finally:
        study.close()


#: Trials of a second, all of which the pruner judges from their first epoch on, but for the first.
SMOKE = [
    "experiment=smoke", "nbhd=11x11x3", "space=smoke", "space.axes.model.blocks=[1]",
    "train.epochs=4", "train.steps=5", "search.trials=4", "search.workers=2",
    "search.heartbeat_s=1", "search.pruner=median", "search.startup_trials=1",
    "search.pruner_warmup=0",
]  # fmt: skip


@pytest.mark.slow
def test_a_sweep_with_a_pruner_goes_on_after_its_postgresql_was_away(
    server, tiny, new_store, tmp_path
):
    """For 16 s, with trials that had ended, and others in the middle of their trainings."""
    how = [f"data.path={tiny}", *SMOKE, *new_store(tmp_path), f"search.storage={server.url}"]
    sweep = Command(["fibsem.sweep", *how, "output=out"], tmp_path, tmp_path / "log")
    try:
        trials = tmp_path / "out" / "trials"
        servers.wait_until(lambda: [*trials.glob("*/result.json")], process=sweep)
        server.stop()
        time.sleep(16)
        assert sweep.poll() is None
        server.start()
        assert sweep.wait(100) == 0, sweep.log.read_text()[-3000:]
    finally:
        sweep.kill()
    log = sweep.log.read_text()
    assert "`search.storage` must answer, but postgres" in log
    assert "it goes on" in log
    assert "Traceback" not in log
    summary = read_json(tmp_path / "out" / "summary.json")
    assert summary["trials"]["failed"] == 0
    table = read_json(tmp_path / "out" / "trials.json")
    assert sorted(row["slot"] for row in table) == [*range(4)]
    assert {row["state"] for row in table} <= {"complete", "pruned"}
    runs = runs_below(f"sqlite:///{tmp_path / 'ml.db'}", summary["parent_run_id"])
    assert sorted(int(run.data.tags["fibsem.trial"]) for run in runs) == [*range(4)]
    assert {run.info.status for run in runs} == {"FINISHED"}


def runs_below(uri, parent):
    client = client_of(uri)
    experiments = [one.experiment_id for one in client.search_experiments()]
    return client.search_runs(experiments, f"tags.`mlflow.parentRunId` = '{parent}'")
