"""The MLflow store: laid out once, however many processes begin at the same time."""

import subprocess
import sys

import mlflow
import pytest

OPEN = """
import sys
from fibsem.config import TrackingConfig
from fibsem.tracking.runs import Tracking
print(Tracking.open(TrackingConfig(uri=sys.argv[1], artifacts=sys.argv[2]), "film").experiment_id)
"""


@pytest.mark.slow
def test_processes_that_create_a_store_together_find_one_experiment(tmp_path):
    uri = f"sqlite:///{tmp_path / 'ml.db'}"
    command = [sys.executable, "-c", OPEN, uri, str(tmp_path / "artifacts")]
    openers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120) for process in openers]
    assert [process.returncode for process in openers] == [0, 0, 0], said
    assert len({out.splitlines()[-1] for out, _ in said}) == 1
    names = [e.name for e in mlflow.MlflowClient(uri).search_experiments()]
    assert sorted(names) == ["Default", "film"]
