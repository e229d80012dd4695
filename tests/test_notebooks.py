"""The notebooks run from top to bottom, on small settings."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fibsem.data.phantom import simulate
from fibsem.data.phantom.recipe import THESIS_FILMS
from tests.conftest import TINY

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
#: All films of the demo, a fiftieth of its voxels: whole ones are segmented.
SMALL = replace(TINY, samples=dict(THESIS_FILMS))


@pytest.mark.slow
@pytest.mark.parametrize("name", [file.name for file in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_it_runs(name, new_store, tmp_path):
    simulate(SMALL, tmp_path / "data" / "demo")  # which is taken as it is
    new_store(tmp_path)
    (tmp_path / "ml.db").rename(tmp_path / "mlflow.db")
    small = {
        "QUICKSTART_OUT": str(tmp_path),
        "QUICKSTART_HOW": "smoke",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--nbmake", "--nbmake-timeout=600", "-p",
         "no:cacheprovider", "-W", "ignore", str(NOTEBOOKS / name)],
        capture_output=True, text=True, env=os.environ | small, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert "1 passed" in done.stdout
    assert (tmp_path / "promote" / "summary.json").exists()
