"""What CONTRIBUTING says is so; of a new architecture, by doing it to a copy word by word."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.test_commands import one_after_the_other

ROOT = Path(__file__).parents[1]
REGISTRY = "fibsem/models/architectures.py"
BEGIN = "MODELS: Mapping[str, Architecture] = {\n"
#: A path in quotes, and the code that stands below its sentence.
CODE = re.compile(r"`([\w./]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)


def test_the_ranks_that_are_told_are_those_that_are_checked():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    ranks = [set(re.findall(r"\w+", rank)) for rank in contract["contracts"][0]["layers"]]
    table = re.findall(r"^\| \d \| (.*?) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert [set(re.findall(r"\w+", cell)) - {"commands"} for cell in table] == ranks
    drawn = re.findall(r"^ \d (.*)$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    assert [set(row.partition("#")[0].split()) for row in drawn] == ranks


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the package and its tests with the architecture of CONTRIBUTING in it."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("fibsem", "conf", "tests"):
        shutil.copytree(ROOT / folder, copy / folder)
    shutil.copy(ROOT / "pyproject.toml", copy)
    told = dict(CODE.findall((ROOT / "CONTRIBUTING.md").read_text()))
    line = told.pop(REGISTRY)
    registry = copy / REGISTRY
    assert registry.read_text().count(BEGIN) == line.count("\n") == 1
    registry.write_text(registry.read_text().replace(BEGIN, BEGIN + line))
    assert [Path(place).parent.as_posix() for place in told] == ["fibsem/models", "conf/model"]
    for place, text in told.items():
        (copy / place).write_text(text)
    return copy


@pytest.fixture(scope="module")
def call(checkout, tmp_path_factory):
    """Function (module, *arguments) -> standard output; the copy goes before the checkout."""
    folder = tmp_path_factory.mktemp("work")
    env = {**os.environ, "PYTHONPATH": str(checkout)}

    def run(*line, cwd=folder):
        line = (sys.executable, "-m", *line)
        done = subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    run.folder = folder
    return run


@pytest.mark.slow
def test_a_new_architecture_goes_from_training_to_a_segmented_volume(
    checkout, tiny, tmp_path, new_store
):
    data = [f"data.path={tiny}", "nbhd=11x11x3"]
    lines = [
        ("train", "model=extremes", *data),
        ("sweep", "model=extremes", *data),
        ("promote", *data, "rank.k=1", "segment=false"),
        ("segment", f"volume={tiny}/HPC45/slices"),
    ]
    common = ["experiment=smoke", *new_store(tmp_path)]
    lines = [(*line, *common, f"output={line[0]}") for line in lines]
    (_, shown, *_), *told = one_after_the_other(
        [("train", "--help"), *lines], tmp_path, PYTHONPATH=str(checkout)
    )
    assert "extremes" in shown
    assert [code for code, *_ in told] == [0] * 4, told
    trained, swept, promoted, segmented = (
        json.loads((tmp_path / line[0] / "summary.json").read_text()) for line in lines
    )
    assert 0.3 < trained["val"]["miou"] <= 1
    assert trained["field"] == 10
    assert swept["trials"] == {"complete": 2, "pruned": 0, "failed": 0}
    assert promoted["champion"]
    assert (segmented["mode"], segmented["voxels"]) == ("dense", 6 * 160 * 176)
    assert segmented["members"] == ["extremes 11x11x3"]
    assert 0 < segmented["porosity"] < 1


@pytest.mark.slow
def test_a_new_architecture_is_in_the_suite_of_all(call, checkout):
    """Patch, grid and dense are equal, and its values are in the configuration."""
    suite = re.search(r"`pytest ([\w/. -]*)-k\s+(\w+)`", (ROOT / "CONTRIBUTING.md").read_text())
    files, name = suite.group(1).split(), suite.group(2)
    told = call("pytest", *files, "-k", name, "-rA", "-p", "no:cacheprovider", cwd=checkout)
    for law in (
        "patch_grid_and_dense_are_equal[extremes-33-3]",
        "segments_a_volume_whatever_the_tiles[extremes]",
        "every_value_of_a_model_can_be_set_and_is_its_default[extremes]",
    ):
        assert re.search(rf"^PASSED .*::test_{re.escape(law)}$", told, re.MULTILINE)


@pytest.mark.slow
def test_a_new_architecture_passes_the_linter(call, checkout):
    for way in (["check"], ["format", "--check"]):
        call("ruff", *way, "fibsem/models/extremes.py", REGISTRY, cwd=checkout)
