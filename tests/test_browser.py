"""The MLflow UI as people see it: a real sweep, a real server, a real browser."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import imagecodecs
import pytest

from fibsem import sweep
from fibsem.config import compose

SCRIPT = Path(__file__).parents[1] / "experiments" / "demo" / "mlflow_ui.py"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian package chromium)")
def test_trials_are_compared_in_the_mlflow_ui(small, tmp_path):
    store = f"sqlite:///{tmp_path / 'ml.db'}"
    how = [
        *small, "space=smoke", "space.axes.model.blocks=[1]", "search.trials=3",
        f"output={tmp_path / 'sweep'}", f"tracking.uri={store}",
        f"tracking.artifacts={tmp_path / 'artifacts'}",
    ]  # fmt: skip
    sweep.main(compose("sweep", how))
    png = tmp_path / "ui.png"
    line = [sys.executable, SCRIPT, "--store", store, "--png", png]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # ten processes
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Comparing 3 Runs from 1 Experiment" in done.stdout
    for name in ("model.filters", "train.learning_rate", "val/loss", "val/miou"):
        assert name in done.stdout
    picture = imagecodecs.imread(png)
    assert picture.shape[:2] == (900, 1500)
    assert picture.std() > 10
