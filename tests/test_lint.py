"""What the linters see."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_ruff_sees_every_file_that_git_tracks():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    suffixes = ("*.py", "*.ipynb", "pyproject.toml")
    line = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *suffixes]
    tracked = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line = [sys.executable, "-m", "ruff", "check", ".", "--show-files"]
    seen = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    there = {ROOT / name for name in tracked.splitlines() if (ROOT / name).is_file()}
    assert {Path(name) for name in seen.splitlines()} == there
