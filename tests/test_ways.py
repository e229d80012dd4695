"""Stops of values on their way are counted as they are, and the pages tell the latest count."""

import json
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "experiments" / "architecture"
COUNTER = runpy.run_path(str(FOLDER / "ways.py"))
BEFORE, LATEST = (
    json.loads((FOLDER / "results" / name).read_text()) for name in ("before.json", "after.json")
)

TOY = """
from dataclasses import dataclass

@dataclass
class Film: pass

@dataclass
class Around:
    film: Film

class Kept:
    def __init__(self, around: Around, name: str): self.around, self.name = around, name

class Read:
    def __init__(self, film: Film): self.size = len(film)

def main(): _first(Kept(Around(Film()), "")), _second(Read(Film()), ""), _third(Film())
def _first(kept: Kept): pass
def _second(read: Read, name: str): pass
def _third(film: list[Film | None]): pass
def _unreached(film: Film): pass
"""


@pytest.fixture(scope="module")
def modules():
    """What is counted in: all of the package, read here since that takes a second."""
    return COUNTER["modules"](COUNTER["PACKAGE"])


def test_a_value_is_followed_into_the_records_around_it(tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "films.py").write_text(TOY)
    found = COUNTER["way"](COUNTER["modules"](tmp_path / "toy"), "toy.films", {"Film"})
    assert found["carriers"] == ["Around", "Film", "Kept"]  # not Read, which keeps only a size
    names = ["Around", "Kept.__init__", "Read.__init__", "_first", "_third", "_unreached"]
    assert found["at"] == [f"toy.films:{name}" for name in names]
    assert (found["stops"], found["files"]) == (6, 1)


@pytest.mark.parametrize("name", COUNTER["WAYS"])
def test_the_latest_count_is_the_present_one(name, modules):
    """Where it is not, `experiments/architecture/ways.py --write` counts anew."""
    now = COUNTER["way"](modules, *COUNTER["WAYS"][name])
    assert now == LATEST["ways"][name]


@pytest.mark.parametrize("name", COUNTER["WAYS"])
def test_every_type_that_is_counted_is_one_of_the_package(name, modules):
    aliases = {
        target.id
        for module in modules.values()
        for node in module.tree.body
        for target in getattr(node, "targets", ())
        if hasattr(target, "id")
    }
    _, types = COUNTER["WAYS"][name]
    assert types - aliases <= {one for module in modules.values() for one in module.own}


def test_functions_are_no_longer_than_before(modules):
    before, now = BEFORE["functions"]["all"], COUNTER["lengths"](modules)["all"]
    assert now["code_median"] <= before["code_median"]
    assert now["code_p90"] <= before["code_p90"]
    assert now["median"] <= 8  # with docstrings, which have grown by examples
    assert now["p90"] <= 24


def test_tables_tell_the_latest_count():
    for file in (FOLDER / "README.md", FOLDER.parents[1] / "docs" / "architecture.md"):
        lines = file.read_text().splitlines()
        for name, now in LATEST["ways"].items():
            short = name.replace(" through ", " through `") + "`"
            (row,) = (line for line in lines if line.startswith(f"| {short} |"))
            was = BEFORE["ways"][name]
            told = [f" {one['stops']} stops in {one['files']} files " for one in (was, now)]
            assert row.split("|")[2:4] == told
    functions = [count["functions"]["all"]["functions"] for count in (BEFORE, LATEST)]
    assert (
        f"| functions | {functions[0]} | {functions[1]} | |" in (FOLDER / "README.md").read_text()
    )


def test_the_picture_shows_the_latest_count():
    """Where it does not, `experiments/architecture/picture.py` draws it anew."""
    drawn = (FOLDER.parents[1] / "docs" / "pictures" / "ways.svg").read_text()
    for name, now in LATEST["ways"].items():
        assert f">{name}: {now['stops']} stops in {now['files']} files<" in drawn
        assert {stop for stop in now["at"] if f"<title>{stop}</title>" not in drawn} == set()
