"""The public names of every package: listed once, explained on a page, loaded when asked for."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fibsem import api

ROOT = Path(__file__).parents[1]
STUBS = sorted((ROOT / "fibsem").glob("*/__init__.pyi"))
PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
#: Public, too, and imported as they are: packages that list their names, and a file.
LISTED = [
    ".".join(file.parent.relative_to(ROOT).parts)
    for file in sorted((ROOT / "fibsem").rglob("__init__.py"))
    if re.search(r"^__all__ = ", file.read_text(encoding="utf-8"), re.MULTILINE)
]
PLAIN = [*(name for name in LISTED if name != "fibsem.api"), "fibsem.geometry"]
PACKAGES = [f"fibsem.{stub.parent.name}" for stub in STUBS]
#: What nobody can run in milliseconds stands in a fence; the rest are doctests.
EXAMPLE = re.compile(r"^(>>> |```python)", re.MULTILINE)
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.parent.name)
def test_public_names_are_what_their_modules_define(stub):
    package = importlib.import_module(f"fibsem.{stub.parent.name}")
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        module = importlib.import_module(f"{package.__name__}.{node.module}")
        for alias in node.names:
            assert getattr(package, alias.name) is getattr(module, alias.name)


def test_the_page_explains_the_public_names():
    packages = [importlib.import_module(f"fibsem.{stub.parent.name}") for stub in STUBS]
    listed = {f"{package.__name__}.{name}" for package in packages for name in package.__all__}
    assert {*re.findall(r"^::: (\S+)$", PAGE, re.MULTILINE)} == listed


def test_packages_load_their_names_when_they_are_asked_for():
    """Keras takes seconds: `fibsem.data` must not wait for it because of its neighbours."""
    names = ", ".join(f"fibsem.{stub.parent.name}" for stub in STUBS)
    code = (
        f"import sys, {names}; print(sorted({{'keras', 'mlflow', 'optuna'}} & sys.modules.keys()))"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]"]


def explained(module):
    """Public classes and functions of a package or a file; types and constants have no page."""
    names = getattr(module, "__all__", [name for name in vars(module) if name[0] != "_"])
    values = {name: getattr(module, name) for name in names}
    own = {
        name: one for name, one in values.items() if inspect.isclass(one) or inspect.isroutine(one)
    }
    return {name: one for name, one in own.items() if one.__module__.startswith(module.__name__)}


@pytest.mark.parametrize("package", ["fibsem.api", *PACKAGES, *PLAIN])
def test_every_public_name_has_an_example(package):
    module = importlib.import_module(package)
    named = explained(module) if package in PLAIN else module.__all__
    pages = {name: inspect.getdoc(getattr(module, name)) or "" for name in named}
    examples = {name: page.partition("\nExamples\n--------\n")[2] for name, page in pages.items()}
    shown = [name for name, text in examples.items() if EXAMPLE.search(text)]
    assert shown == list(named)
    for code in (code for text in examples.values() for code in FENCE.findall(text)):
        compile(code, package, "exec")
        assert {*re.findall(r"\bapi\.(\w+)", code)} <= {*api.__all__}


def test_the_lines_of_the_page_run():
    (code,) = FENCE.findall(PAGE)
    *lines, last = code.strip().splitlines()
    names = {}
    exec("\n".join(lines), names)
    assert eval(last, names) == (64, 64)
