"""The table of patch by patch against dense, as its script prints it."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "experiments" / "benchmarks" / "patch_vs_dense.py"


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("patch_vs_dense", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "patch_vs_dense", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SLICE", (224, 337))
    return module


def test_a_row_has_both_ways_and_what_patches_extract(script, tmp_path, capsys, monkeypatch):
    file = tmp_path / "table.json"
    monkeypatch.setattr("sys.argv", ["", "--nbhd", "11x11x3", "--json", str(file)])
    script.main()
    (row,) = json.loads(file.read_text())
    assert row["extracted_gib"] == pytest.approx(224 * 337 * 363 * 4 / 2**30)
    assert 0 < row["dense_s"] < row["patch_s"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "|---|--:|--:|--:|--:|"
    assert lines[2].startswith("| 11x11x3 | 0.1 |")
    assert lines[2].endswith(f"| {row['ratio']:.0f} |")
