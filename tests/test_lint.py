"""What the linters see."""

import ast
import functools
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_ruff_sees_every_file_that_git_tracks():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    suffixes = ("*.py", "*.pyi", "*.ipynb", "pyproject.toml")
    line = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *suffixes]
    tracked = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line = [sys.executable, "-m", "ruff", "check", ".", "--show-files"]
    seen = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    there = {ROOT / name for name in tracked.splitlines() if (ROOT / name).is_file()}
    assert {Path(name) for name in seen.splitlines()} == there


#: Names that say nothing of what they hold; the glossary has a word for each thing.
VAGUE = {"known", "found", "told", "there", "seen", "how"}


#: Where one has one meaning: voxels that are known, records that are read where they are, and how
#: a version became the champion.
LEFT = {
    "analysis/structure": {"known"},
    "quantification": {"known"},
    "system/files.py": {"known"},
    "tracking/champions.py": {"how"},
    "tracking/history.py": {"how"},
    "tracking/versions.py": {"how"},
}


@functools.cache
def _package():
    """The files of the package, and all nodes of each."""
    return {
        file: list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        for file in sorted((ROOT / "fibsem").rglob("*.py"))
    }


def _names(nodes):
    """What a file assigns, takes as a parameter or defines as a function in another."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef):
            yield node.name


def test_names_say_what_they_hold():
    vague = []
    for file, nodes in _package().items():
        path = file.relative_to(ROOT / "fibsem").as_posix()
        left = {name for place, names in LEFT.items() if path.startswith(place) for name in names}
        words = {name: {*name.split("_")} for name in _names(nodes)}
        vague += [f"{path}: {name}" for name in words if words[name] & VAGUE - left]
    assert vague == []


#: Participles and the like, which as names leave out the noun that they stand for.
NOUNLESS = {"given", "kept", "own"}


#: Words that each mean one thing, and the files that may name a thing by them; ``where`` is what a
#: message says of a file, record or key.
HOMES = {
    "part": {
        "analysis/postprocessing/steps.py", "data/material", "data/pieces.py",
        "training/material/epoch_draws.py", "training/scoring/picture.py",
    },
    "place": {"analysis/statistics.py", "analysis/tables.py", "api/results.py", "places.py"},
    "where": {
        "config/reading.py", "data/dataset", "data/volumes/series", "system/identity.py",
        "inference/volume/ledger/witness.py", "training/scoring",
    },
    "whole": {
        "data/volumes/volume.py", "geometry.py", "reporting/results.py",
        "training/material/epoch_draws.py",
    },
    "work": {
        "inference/volume", "search/sweep.py", "search/workers/worker.py", "training/planning",
    },
}  # fmt: skip


def test_a_common_word_means_one_thing():
    other = []
    for file, nodes in _package().items():
        path = file.relative_to(ROOT / "fibsem").as_posix()
        names = {name.strip("_") for name in _names(nodes)}
        other += [f"{path}: {name}" for name in names & NOUNLESS]
        for word in names & HOMES.keys():
            if not path.startswith(tuple(HOMES[word])):
                other.append(f"{path}: {word}")
    assert other == []


#: Names of an element that say nothing of it: a loop names the noun, or an index.
LOOSE = {"one", "each", "some", "what", "it", "thing"}


def _elements(nodes):
    """The names that each loop, comprehension and lambda gives to what it takes, as a set."""
    for node in nodes:
        if isinstance(node, ast.For | ast.comprehension):
            yield {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.Lambda):
            yield {argument.arg for argument in node.args.args}


def test_loops_say_what_they_take():
    """Of two that are alike, one and the other may be compared."""
    loose = [
        f"{file.relative_to(ROOT)}: {name}"
        for file, nodes in _package().items()
        for names in _elements(nodes)
        for name in names & LOOSE
        if name != "one" or "other" not in names
    ]
    assert loose == []


#: Names that say how a value came or where it is, not what it is.
CAME = {"asked", "elsewhere", "here", "left", "made", "said", "then"}


def test_elements_and_parameters_say_what_they_are():
    came = []
    for file, nodes in _package().items():
        parameters = {node.arg for node in nodes if isinstance(node, ast.arg)}
        names = parameters.union(*_elements(nodes)) & CAME
        came += [f"{file.relative_to(ROOT)}: {name}" for name in sorted(names)]
    assert came == []


def test_a_loose_name_of_an_element_is_seen():
    for line in ("[one for one in x]", "lambda each: each", "for k, what in x: pass"):
        (names,) = _elements(ast.walk(ast.parse(line)))
        assert names & LOOSE


def test_a_class_has_its_name_alone():
    """Also apart from the underscore of a private class."""
    nodes = (node for nodes in _package().values() for node in nodes)
    names = Counter(node.name.lstrip("_") for node in nodes if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


#: First words of a docstring that leaves to its neighbour, or to its name, what it is of.
LEANING = (
    "That of ", "Those ", "The same ", "Of ", "As ", "With ", "Also ", "Likewise", "Their ", "Its ",
    "Whether it ", "Whether they ", "Where it ", "Where they ", "What it ", "What they ", "Whose ",
    "None of ", "So many ", "Both of ",
)  # fmt: skip


def test_docstrings_stand_alone():
    leaning = []
    for file, nodes in _package().items():
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                first = (ast.get_docstring(node) or "").split("\n")[0]
                if first.startswith(LEANING):
                    leaning.append(f"{file.name}: {first}")
    assert leaning == []


#: Methods that a protocol or Keras explains: Optuna's study is explained where `Study` is.
EXPLAINED = {"call"}


def _methods(node):
    """Public methods of a class, by whether they have a docstring."""
    functions = [one for one in node.body if isinstance(one, ast.FunctionDef)]
    return {one.name: bool(ast.get_docstring(one)) for one in functions if one.name[0] != "_"}


def test_public_definitions_are_explained():
    """In a class of a protocol, or around another one, that may be done where the protocol is."""
    public, explained = [], {*EXPLAINED}
    for file, nodes in _package().items():
        for node in (node for node in nodes if isinstance(node, ast.ClassDef)):
            methods = _methods(node)
            if any(ast.unparse(base) == "Protocol" for base in node.bases):
                explained |= methods.keys()
                assert all(methods.values()), f"{file.name}: {node.name}"
            if not node.name.startswith("_"):
                public += [(file.name, node.name, name, told) for name, told in methods.items()]
    silent = [one for one in public if not one[-1] and one[2] not in explained]
    tops = [(file.name, one) for file, nodes in _package().items() for one in nodes[0].body]
    kinds = ast.FunctionDef | ast.ClassDef
    silent += [
        (name, one.name) for name, one in tops
        if isinstance(one, kinds) and one.name[0] != "_" and not ast.get_docstring(one)
    ]  # fmt: skip
    assert silent == []


#: Lines that say ``dict[str, Any]``: records without a type, which shall become fewer.
UNTYPED = 13
#: Functions that return a record without a type, which shall become fewer, too: a ``to_json`` may,
#: as what it returns is written.
RECORDS = 8


def test_an_alias_of_a_type_means_one_thing():
    """Arrays that are called alike are of one dtype, and what is called a place is one thing."""
    meaning = defaultdict(set)
    for nodes in _package().values():
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name, value = node.targets[0].id, ast.unparse(node.value)
                if node.col_offset == 0 and not name.isupper() and name[0].isupper():
                    meaning[name].add(value.replace("npt.", ""))
    assert {name: some for name, some in meaning.items() if len(some) > 1} == {}


def test_there_are_no_more_untyped_records_than_there_were():
    lines = [line for file in _package() for line in file.read_text("utf-8").splitlines()]
    assert sum("dict[str, Any]" in line for line in lines) <= UNTYPED
    functions = (
        node for nodes in _package().values() for node in nodes if isinstance(node, ast.FunctionDef)
    )
    records = [
        node.name
        for node in functions
        if node.name != "to_json" and node.returns and "Record" in _words(node.returns)
    ]
    assert len(records) <= RECORDS, records


def _words(annotation):
    """The names in an annotation."""
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}


#: Files of one folder of the package, at most: where there were more they were of several ideas.
ROOM = 25


def test_no_room_is_too_full():
    files = Counter(file.parent for file in _package() if file.name != "__init__.py")
    assert {folder: number for folder, number in files.items() if number > ROOM} == {}
