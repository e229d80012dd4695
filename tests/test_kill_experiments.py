"""Experiments that kill commands again and again, in small: what they count is as it must be."""

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from fibsem.tracking import code_version
from tests.processes import completed

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[1] / "experiments" / "reliability"


def test_a_sweep_of_two_workers_survives_kills_of_workers_and_parents(
    tiny, new_store, tmp_path, monkeypatch
):
    new_store(tmp_path)
    line = [
        "sweep_kills.py", "--kills", "2", "--training", "--longest", "1", "--seed", "1",
        "--trials", "4", "--epochs", "8", "--steps", "4", "--data", f"data.path={tiny}",
        "--folder", str(tmp_path), "--json", str(tmp_path / "figures.json"),
    ]  # fmt: skip
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", line)
    import_module("experiments.reliability.sweep_kills").main()
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["commit"] == code_version()
    assert figures["exit_code"] == 0
    assert figures["kills"] == 2
    assert figures["complete"] == figures["requested"] == figures["children_complete"] == 4
    assert figures["parents"] == 1
    assert figures["children_of_the_parent"] == figures["children"]
    assert figures["children"] > 4  # trials were cut off
    assert figures["left_running"] == 0


def test_a_training_killed_at_its_commit_points_ends_as_the_whole_one(tmp_path, monkeypatch):
    """Of those as many as fit into some seconds; the experiment tries all, of all commands."""
    monkeypatch.syspath_prepend(SCRIPTS)
    line = [
        "commit_points", "--commands", "train", "--random", "0",
        "--minutes", "0.1", "--folder", tmp_path / "points", "--json", tmp_path / "figures.json",
        "--anew",
    ]  # fmt: skip
    done = completed(line, tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert list(figures["commits"]) == [code_version()]
    figures = figures["commands"]["train"]
    assert figures["equal"] >= 1  # it was killed, and given again
    assert figures["differing"] == {}
