"""Examples that nobody can run in milliseconds: what they name is there, and is what it is used as.

Values are followed by the types that functions promise, as far as these are known.
"""

import ast
import builtins
import importlib
import inspect
import re
import sys
import types
import typing
from pathlib import Path

import numpy as np
import pytest

from fibsem import api, models
from tests.test_library import FENCE, PACKAGES, PLAIN

PAGES = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))
#: What a reader of an example has before it.
GIVEN = {"stack", "found", "trial", "material", "spec", "model", "show", "loss_of", "main"}
PUBLIC = [*PLAIN, *PACKAGES]


def public(package):
    module = importlib.import_module(package)
    names = getattr(module, "__all__", None) or [one for one in vars(module) if one[0] != "_"]
    return {name: getattr(module, name) for name in names}


def examples(package):
    """Code of every example in a fence, and the module that it stands in."""
    for what in public(package).values():
        if inspect.isclass(what) or inspect.isroutine(what):
            for code in FENCE.findall(inspect.getdoc(what) or ""):
                yield code, sys.modules[what.__module__]


def run(code, module):
    """Run an example as its reader would, with the public names imported."""
    exec(code, vars(module) | known(module.__name__.rpartition(".")[0]))


def known(package):
    """What public names mean, those of a package before others."""
    names = {"Path": Path, "api": api, "models": models, "np": np}
    for other in (*PUBLIC, package):
        names |= public(other)
    return names


def hint(owner, name):
    """A type that something promises; None where it does not say."""
    try:
        return typing.get_type_hints(owner).get(name)
    except (NameError, TypeError):  # of a module that is imported for types alone
        return None


def one_of(kind):
    """A type without None."""
    if isinstance(kind, types.UnionType):
        some = [one for one in typing.get_args(kind) if one is not types.NoneType]
        return some[0] if len(some) == 1 else None
    return kind


class Reader:
    """Follows the types of values through an example."""

    def __init__(self, names):
        self.names, self.kinds = names, {}

    def read(self, tree):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                self.assign(node.targets[0], self.kind(node.value))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute | ast.Subscript):
                self.kind(node)

    def assign(self, target, kind):
        if isinstance(target, ast.Name):
            self.kinds[target.id] = kind
        elif typing.get_origin(kind) is tuple:
            for one, its in zip(target.elts, typing.get_args(kind), strict=False):
                self.assign(one, one_of(its))

    def kind(self, node):
        """The type of a value, a function, or None where nobody knows."""
        if isinstance(node, ast.Name):
            return self.kinds.get(node.id)
        if isinstance(node, ast.Call) and self.named(node.func) is None:
            owner = self.kind(node.func)
            if isinstance(owner, type):  # a value that is called
                return one_of(hint(vars(owner).get("__call__"), "return"))
        if isinstance(node, ast.Call):
            called = self.called(node.func)
            return called if isinstance(called, type) else one_of(hint(called, "return"))
        if isinstance(node, ast.Attribute):
            return self.member(self.kind(node.value), node.attr)
        if isinstance(node, ast.Subscript):
            of = self.kind(node.value)
            assert not inspect.isfunction(of), f"{ast.unparse(node.value)} is called"
        return None

    def called(self, node):
        """What is called: of the names that there are, or of a value."""
        named = self.named(node)
        return self.kind(node) if named is None else named

    def named(self, node):
        """What a dotted name means; None where it begins with a value of the example."""
        if isinstance(node, ast.Name):
            return None if node.id in self.kinds else self.names.get(node.id)
        if isinstance(node, ast.Attribute) and (owner := self.named(node.value)) is not None:
            return getattr(owner, node.attr)
        return None

    def member(self, kind, name):
        if not isinstance(kind, type) or not kind.__module__.startswith("fibsem."):
            return None
        what = inspect.getattr_static(kind, name, None)
        if isinstance(what, property):
            return one_of(hint(what.fget, "return"))
        if inspect.isfunction(what):
            return what
        fields = {key for base in kind.__mro__ for key in getattr(base, "__annotations__", {})}
        made = what is not None or name in fields or f"self.{name}" in inspect.getsource(kind)
        assert made, f"{kind.__name__} has no {name}"
        return one_of(hint(kind, name))


@pytest.mark.parametrize("package", ["fibsem.api", *PUBLIC])
def test_examples_name_what_there_is(package):
    for code, module in examples(package):
        tree, names = ast.parse(code), vars(module) | known(package)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        unknown = used - {*named_in(tree)} - names.keys() - GIVEN - {*dir(builtins)}
        assert unknown == set(), code
        Reader(names).read(tree)


#: What the blocks of a page take as given: arrays and addresses of whoever reads it.
OF_READERS = {"stack", "box", "storage"}


def of_page(page):
    """Python of a page, block by block; of what is shown with its output, the lines typed."""
    for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        typed = re.findall(r"^(?:>>>|\.\.\.) ?(.*)$", block, re.MULTILINE)
        yield "\n".join(typed) if typed else block


def named_in(tree):
    """What a block defines: names that it stores, imports or takes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_of_the_pages_names_what_there_is(page):
    """One after the other, as they are read: names, members, and keys of functions."""
    names, own = known("fibsem.api"), set()
    reader = Reader(names)
    for code in of_page(page):
        tree = ast.parse(code)
        own |= {*named_in(tree)}
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert used - own - names.keys() - OF_READERS - {*dir(builtins)} == set(), code
        reader.read(tree)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            function = reader.called(call.func)
            if getattr(function, "__module__", "").startswith("fibsem.api"):
                keys = {one.arg for one in call.keywords if one.arg}
                assert keys <= {*inspect.signature(function).parameters}, code


def test_a_method_that_is_taken_for_a_value_is_noticed():
    names = known("fibsem.training")
    code = "result, trained = run_job(job, material, tracking)\nresult.metrics['val/miou']"
    with pytest.raises(AssertionError, match=r"result.metrics is called"):
        Reader(names).read(ast.parse(code))
    with pytest.raises(AssertionError, match="TrialResult has no miou"):
        Reader(names).read(ast.parse(code.replace("metrics['val/miou']", "miou")))
