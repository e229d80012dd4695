"""The notebooks run from top to bottom, on small settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.mark.slow
@pytest.mark.parametrize("name", [file.name for file in sorted(NOTEBOOKS.glob("*.ipynb"))])
def test_it_runs(name, tmp_path):
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
