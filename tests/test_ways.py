"""Values make a third fewer stops on their way than when they were first counted."""

import json
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "experiments" / "architecture"
COUNTER = runpy.run_path(str(FOLDER / "ways.py"))
BEFORE, LATEST = (
    json.loads((FOLDER / "results" / name).read_text()) for name in ("before.json", "after.json")
)


@pytest.fixture(scope="module")
def modules():
    """What is counted in: all of the package, read here since that takes a second."""
    return COUNTER["modules"](COUNTER["PACKAGE"])


@pytest.mark.parametrize("name", COUNTER["WAYS"])
def test_a_way_has_a_third_fewer_stops_than_before(name, modules):
    now = COUNTER["way"](modules, *COUNTER["WAYS"][name])["stops"]
    assert now <= LATEST["ways"][name]["stops"]
    assert now <= 2 / 3 * BEFORE["ways"][name]["stops"]


def test_functions_are_no_longer_than_before(modules):
    before, now = BEFORE["functions"]["all"], COUNTER["lengths"](modules)["all"]
    assert now["median"] <= before["median"]
    assert now["p90"] <= before["p90"]


def test_tables_tell_the_latest_count():
    for file in (FOLDER / "README.md", FOLDER.parents[1] / "docs" / "architecture.md"):
        rows = [line.replace(" stops in ", " in ") for line in file.read_text().splitlines()]
        for name, now in LATEST["ways"].items():
            short = name.removeprefix("a ").replace(" through ", " through `") + "`"
            (row,) = (row for row in rows if row.startswith(f"| {short} |"))
            was, count = (cell.split()[0] for cell in row.split("|")[2:4])
            assert (was, count) == (str(BEFORE["ways"][name]["stops"]), str(now["stops"]))
