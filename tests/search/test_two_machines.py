"""Two machines: processes with folders of their own, one PostgreSQL, one MLflow server."""

import json
import time

import mlflow
import pytest

from fibsem import sweep
from fibsem.config import compose
from tests.conftest import SMALL
from tests.processes import Command


@pytest.mark.slow
def test_two_machines_share_one_study_and_one_parent(
    tiny, postgres, mlflow_server, tmp_path, monkeypatch
):
    """One of them is this process, which joins when the other one trains."""
    how = [
        f"data.path={tiny}", *SMALL, "space=smoke", "space.axes.model.blocks=[1]", "study=shared",
        f"search.storage={postgres}", f"tracking.uri={mlflow_server}", "search.trials=6",
        "output=sweep",
    ]  # fmt: skip
    for name in "ab":
        (tmp_path / name).mkdir()
    other = Command(["fibsem.sweep", *how], tmp_path / "a", tmp_path / "a" / "log.txt")
    while not (tmp_path / "a" / "sweep" / "trials" / "0000").exists():
        assert other.poll() is None, other.log.read_text()[-3000:]
        time.sleep(0.05)
    monkeypatch.chdir(tmp_path / "b")
    sweep.main(compose("sweep", how))
    assert other.wait(timeout=300) == 0, other.log.read_text()[-3000:]
    summaries = [json.loads((tmp_path / n / "sweep" / "summary.json").read_text()) for n in "ab"]
    assert [summary["trials"]["complete"] for summary in summaries] == [6, 6]
    assert len({summary["parent_run_id"] for summary in summaries}) == 1
    assert list((tmp_path / "b" / "sweep" / "trials").iterdir())  # both had a part in it

    client = mlflow.MlflowClient(mlflow_server)
    experiment = client.get_experiment_by_name("phantom").experiment_id
    runs = client.search_runs([experiment])
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(runs) == len(children) + 1
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {
        summaries[0]["parent_run_id"]
    }
    # one that was silent for long on a busy machine was given up and tried again by the other
    finished = [run for run in children if run.info.status == "FINISHED"]
    assert {run.info.status for run in runs} <= {"FINISHED", "FAILED", "KILLED"}
    assert sorted(int(run.data.tags["fibsem.trial"]) for run in finished) == list(range(6))
