"""The MLflow store: laid out once, however many processes begin at the same time."""

import mlflow
import pytest

from fibsem.config import TrackingConfig
from fibsem.tracking.runs import Tracking
from tests.processes import FORKED


def open_store(uri, artifacts, start, found):
    """Say which experiment it is, in a process of its own that begins with the others."""
    start.wait(60)
    found.put(Tracking.open(TrackingConfig(uri=uri, artifacts=artifacts), "film").experiment_id)


@pytest.mark.slow
def test_processes_that_create_a_store_together_find_one_experiment(tmp_path):
    uri, start, found = f"sqlite:///{tmp_path / 'ml.db'}", FORKED.Barrier(3), FORKED.Queue()
    how = uri, str(tmp_path / "artifacts"), start, found
    openers = [FORKED.Process(target=open_store, args=how) for _ in range(3)]
    for opener in openers:
        opener.start()
    assert len({found.get(timeout=120) for _ in openers}) == 1
    for opener in openers:
        opener.join(120)
    assert [opener.exitcode for opener in openers] == [0, 0, 0]
    names = [e.name for e in mlflow.MlflowClient(uri).search_experiments()]
    assert sorted(names) == ["Default", "film"]
