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
#: What a reader has time for, and a test has not: large windows, and trials that are run again.
SHORTER = {
    "33x33x3": "11x11x3",
    "study=searched.study, ": "study=searched.study, rank={'k': 1}, ",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [file.name for file in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_it_runs(name, new_store, tmp_path):
    simulate(SMALL, tmp_path / "data" / "demo")  # which is taken as it is
    new_store(tmp_path)
    (tmp_path / "ml.db").rename(tmp_path / "mlflow.db")
    text = (NOTEBOOKS / name).read_text()
    for long, short in SHORTER.items():
        assert text.count(long) == 1
        text = text.replace(long, short)
    (tmp_path / name).write_text(text)
    small = {
        "QUICKSTART_OUT": str(tmp_path),
        "QUICKSTART_HOW": "smoke",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--nbmake", "--nbmake-timeout=600", "-p",
         "no:cacheprovider", "-W", "ignore", name],
        capture_output=True, text=True, env=os.environ | small, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    assert "1 passed" in done.stdout
    assert (tmp_path / "promote" / "summary.json").exists()
