"""Experiments and notebooks use the public names alone.

Public is ``fibsem.api``, and what a package lists in ``__all__``.
"""

import ast
import importlib
import json
import re
import runpy
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from fibsem.config.keys import CONF, check_keys
from fibsem.errors import UserError

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted((ROOT / "experiments").rglob("*.py"))
COMMANDS = [file.stem for file in sorted(CONF.glob("*.yaml")) if file.stem != "base"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def _is_public(file):
    """Whether a package says what of it is public."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    assigned = [node.targets[0] for node in body if isinstance(node, ast.Assign)]
    return "__all__" in {
        n.id for names in assigned for n in ast.walk(names) if isinstance(n, ast.Name)
    }


def _public():
    """Public names by module; None: all of it."""
    found = {"fibsem": {"api", "errors", "geometry", *COMMANDS}, "fibsem.errors": None}
    found["fibsem.geometry"] = None
    for file in (ROOT / "fibsem").rglob("__init__.py"):
        if _is_public(file):
            name = ".".join(file.parent.relative_to(ROOT).parts)
            found[name] = {*importlib.import_module(name).__all__}
    return found


PUBLIC = _public()


def inner(source):
    """Dotted names that some source imports and nobody promises."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names} - PUBLIC.keys()
            yield from (name for name in names if name.startswith("fibsem."))
        elif isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("fibsem."):
            names = {alias.name for alias in node.names}
            public = PUBLIC.get(node.module, set())
            dotted = {
                f"{node.module}.{name}"
                for name in names
                if public is not None and name not in public
            }
            yield from dotted - PUBLIC.keys()


#: Settings that every command makes first: two probes make them in processes of their own.
BY_PROBES = {
    "fibsem.system.libraries.disinherit",
    "fibsem.system.secrets.guard_output",
    "fibsem.system.streams.open_closed",
}


def everywhere(source):
    """The same, also of the code that stands in texts, which other processes run."""
    yield from inner(source)
    texts = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    for text in texts:
        if isinstance(text, str) and re.search(r"(from|import) fibsem", text):
            with suppress(SyntaxError):  # prose, or a piece of code
                yield from (name for name in inner(text) if name not in BY_PROBES)


def test_what_is_inside_is_told_from_what_is_public():
    source = "from fibsem import api\nfrom fibsem.config import read\nimport fibsem.search.sweep\n"
    source += "def f():\n    from fibsem.analysis import Platt, figures, tables\n"
    assert [*inner(source)] == ["fibsem.search.sweep", "fibsem.analysis.tables"]
    probe = f"run([sys.executable, '-c', {source!r}])\nsay('made from fibsem by hand')"
    assert [*everywhere(probe)] == [*inner(source)]


def test_the_tests_that_reliability_names_are_there():
    page = (ROOT / "experiments" / "reliability" / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`", page)
    assert len(named) > 50
    for path, name in named:
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("table", ["budgets/results/budgets", "peers/results/accuracy"])
def test_a_page_repeats_the_table_of_its_results(table):
    """Which the script writes beside its figures, so that a page is no older than they are."""
    file = ROOT / "experiments" / f"{table}.md"
    page = file.parents[1] / "README.md"
    assert file.read_text("utf-8").strip() in page.read_text("utf-8")


def test_experiments_import_public_names_alone():
    found = {
        str(file.relative_to(ROOT)): [*everywhere(file.read_text("utf-8"))] for file in EXPERIMENTS
    }
    assert len(found) == len(EXPERIMENTS)  # eleven of them are called run.py
    assert {file: names for file, names in found.items() if names} == {}


def test_every_experiment_writes_its_figures_where_it_is_told():
    """But the demo, which is of `make demo` and prints what it found."""
    runs = [file for file in EXPERIMENTS if file.name == "run.py" and file.parent.name != "demo"]
    assert len(runs) > 5
    assert [file for file in runs if '"--json"' not in file.read_text("utf-8")] == []


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name)
def test_notebooks_use_the_interface_alone(file):
    cells = json.loads(file.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert [*inner("\n".join(code))] == []
    assert "from fibsem import api" in "\n".join(code)


#: What a command is told: a key that is given, added or taken away.
OVERRIDE = re.compile(r"(~[a-z_.]+\w*$|[~+]*[a-z_]+(\.\w+)*=)")
#: Where commands are told what is wrong on purpose.
HOSTILE = ROOT / "experiments" / "reliability" / "inputs"


def _overrides(source):
    """Literals that look like arguments of a command, of f-strings what stands first."""
    for node in ast.walk(ast.parse(source)):
        first = node.values[0] if isinstance(node, ast.JoinedStr) else node
        if isinstance(first, ast.Constant) and OVERRIDE.match(str(first.value)):
            yield first.value


def _accepts(command, override):
    try:
        check_keys(command, [override])
    except UserError:
        return False
    return True


def test_a_key_that_no_command_takes_is_found():
    told = {*_overrides('line = ["~seed", "+phantom.samples.A=1", f"+trials={k}", "no key", "~"]')}
    assert told == {"~seed", "+phantom.samples.A=1", "+trials="}
    assert [o for o in sorted(told) if any(_accepts(c, o) for c in COMMANDS)] == [
        "+phantom.samples.A=1"
    ]


def test_experiments_add_and_take_away_what_commands_let_them():
    files = [file for file in EXPERIMENTS if HOSTILE not in file.parents]
    told = {override for file in files for override in _overrides(file.read_text("utf-8"))}
    assert [o for o in sorted(told) if not any(_accepts(c, o) for c in COMMANDS)] == []


def test_probabilities_that_are_right_err_in_no_part():
    """From 0 to 1, as a segmentation has them: 255 times smaller ones would err everywhere."""
    run = runpy.run_path(str(ROOT / "experiments" / "structure" / "run.py"))
    labels = np.random.default_rng(0).integers(0, 2, (2, 64, 64)).astype(np.uint8)
    where = [(k, slice(None), slice(None)) for k in (0, 1)]
    assert run["part_errors"](labels, labels.astype(np.float32), where).squared == 0
