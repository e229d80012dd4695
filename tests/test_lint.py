"""What the linters see."""

import ast
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


#: Names that say nothing of what they hold; the glossary has a word for each thing.
VAGUE = {"known", "found", "told", "there", "seen", "how"}


def test_names_of_search_promotion_and_evaluation_say_what_they_hold():
    vague = []
    for package in ("search", "promotion", "evaluation"):
        for file in sorted((ROOT / "fibsem" / package).glob("*.py")):
            nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
            names = [
                n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            ]
            names += [n.arg for n in nodes if isinstance(n, ast.arg)]
            vague += [f"{file.name}: {name}" for name in names if name in VAGUE]
    assert vague == []
