"""Count the stops of three values on their way through the package, and how long functions are.

    .venv/bin/python experiments/architecture/ways.py            # prints; takes two seconds
    .venv/bin/python experiments/architecture/ways.py --write    # also writes both files in results

A *stop* is a function or a class that a command reaches (through imports and names in the syntax
trees) and that receives the value: a parameter or a field is annotated with a *carrier*. Carriers
are the types named in ``WAYS``, their subclasses, and every class that keeps a carrier in a field,
and so on. So a value cannot be hidden from the counter in a record around it. Nothing is imported
or run. ``tests/test_ways.py`` holds ``results/after.json`` equal to what is counted.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "fibsem"
RESULTS = Path(__file__).resolve().parent / "results"
#: The last commit before the stops were counted for the first time.
BASELINE = "36eb67883a6c2b6602ebb99dd5fb46f1c9ab5075"

#: Module of the command, and the types in which the value travels through it.
WAYS = {
    "configuration through sweep": (
        "fibsem.sweep",
        {"Tree", "Configuration", "RunConfig", "TrainConfig", "SearchConfig", "DataConfig",
         "TrackingConfig", "SamplingConfig", "Budget", "Job"},
    ),
    "trials through promote": (
        "fibsem.promote",
        {"Record", "Trial", "TrialResult", "Ranked", "Final", "Chosen", "Repetition", "BestSteps",
         "OnTestSquares", "Scores", "Challenger", "SquareCounts", "SquareMious", "Lineage"},
    ),
    "volume through segment": ("fibsem.segment", {"Volume"}),
}  # fmt: skip

#: Names of types at the baseline.
FORMER = {"OnTestSquares": "Look"}

#: Classes of the same name, or around the same type, that carry other values, and such modules.
OTHERS = {
    "fibsem.api.segmenting.SegmentResult": "its volumes are the labels",
    "fibsem.data.archive.Record": "a file to download, at the baseline",
    "fibsem.data.material.extent.Extent": "its volume is the user's mask",
    "fibsem.data.material.search.Look": "a look at a slice, at the baseline",
    "fibsem.inference.volume.components": "its volumes are the labels",
}

Node = ast.FunctionDef | ast.ClassDef
Read = TypeVar("Read")


@dataclass
class Module:
    """Top-level definitions and imports of one file, by the names it uses."""

    name: str
    tree: ast.Module
    own: dict[str, Node] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    self.imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        for node in self.tree.body:
            if isinstance(node, Node):
                self.own[node.name] = node

    def names(self, annotation: ast.AST | None) -> set[str]:
        """Return the names in an annotation that can be carriers."""
        parts = ast.walk(annotation) if annotation else ()
        return {part.id for part in parts if isinstance(part, ast.Name) and not self.other(part.id)}

    def other(self, name: str) -> bool:
        """Whether a name is that of a class or a module which carries another value."""
        own = f"{self.name}.{name}"
        dotted = own if name in self.own else self.imported.get(name, own)
        return not {dotted, dotted.rpartition(".")[0]}.isdisjoint(OTHERS)


#: Functions and classes that a command reaches.
Reached = list[tuple[Module, Node]]


def modules(package: Path) -> dict[str, Module]:
    """Parse every module of a package; return them by dotted name."""
    read = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        read[name] = Module(name, ast.parse(file.read_text(encoding="utf-8")))
    return read


def defined(parsed: dict[str, Module], dotted: str) -> tuple[Module, str] | None:
    """Return the module and name of a definition, through re-exports; None if it is unknown."""
    place, _, name = dotted.rpartition(".")
    module = parsed.get(place)
    if module is None:
        return None
    if name in module.own:
        return module, name
    return defined(parsed, module.imported[name]) if name in module.imported else None


def mentioned(node: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield the names that a definition uses, each with its accessed attribute, or None."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            yield part.value.id, part.attr
        elif isinstance(part, ast.Name):
            yield part.id, None


def reached(parsed: dict[str, Module], command: str) -> Iterator[tuple[Module, Node]]:
    """Yield every function and class that a command reaches; a class includes all its methods."""
    waiting = [(parsed[command], name) for name in parsed[command].own]
    seen = set()
    while waiting:
        module, name = waiting.pop()
        if (module.name, name) in seen:
            continue
        seen.add((module.name, name))
        yield module, module.own[name]
        for word, attribute in mentioned(module.own[name]):
            if word in module.own:
                waiting.append((module, word))
            elif word in module.imported:
                dotted = module.imported[word]
                definition = defined(
                    parsed, f"{dotted}.{attribute}" if dotted in parsed else dotted
                )
                waiting += [definition] if definition else []


def handed(module: Module, node: Node, types: set[str]) -> Iterator[str]:
    """Yield the names of a function, or of a class and its methods, that receive the value."""
    if isinstance(node, ast.FunctionDef):
        if any(module.names(argument.annotation) & types for argument in arguments(node)):
            yield node.name
        return
    if fields(module, node) & types:
        yield node.name
    for part in node.body:
        if isinstance(part, ast.FunctionDef):
            yield from (f"{node.name}.{name}" for name in handed(module, part, types))


def arguments(node: ast.FunctionDef) -> list[ast.arg]:
    """Return the parameters of a function."""
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def fields(module: Module, node: ast.ClassDef) -> set[str]:
    """Return the names in the annotations of a class's fields."""
    names = (module.names(part.annotation) for part in node.body if isinstance(part, ast.AnnAssign))
    return set().union(*names)


def kept(module: Module, node: ast.ClassDef) -> set[str]:
    """Return the names of the types that ``__init__`` keeps of its parameters as they are."""
    begins = [part for part in node.body if getattr(part, "name", None) == "__init__"]
    types = {
        argument.arg: module.names(argument.annotation)
        for begin in begins
        for argument in arguments(begin)
    }
    assigned = [
        part for begin in begins for part in ast.walk(begin) if isinstance(part, ast.Assign)
    ]
    pairs = [
        pair
        for assignment in assigned
        for pair in taken_apart(assignment.targets[0], assignment.value)
    ]
    names = (
        types.get(value.id, set())
        for target, value in pairs
        if isinstance(target, ast.Attribute) and isinstance(value, ast.Name)
    )
    return set().union(*names)


def taken_apart(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """Return the single assignments of ``a, b = c, d``."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def carriers(reached: Reached, types: set[str]) -> set[str]:
    """Return the types, their subclasses and the classes that keep one of them, and so on."""
    classes = {
        node.name: set().union(*map(module.names, node.bases))
        | fields(module, node)
        | kept(module, node)
        for module, node in reached
        if isinstance(node, ast.ClassDef) and not module.other(node.name)
    }
    more = {name for name, parts in classes.items() if parts & types} - types
    return carriers(reached, types | more) if more else types


def way(parsed: dict[str, Module], command: str, types: set[str]) -> dict[str, object]:
    """Return carriers and stops of a value on its way through a command, and the files' number."""
    definitions = [
        definition
        for definition in reached(parsed, command)
        if not definition[0].other(definition[1].name)
    ]
    names = {node.name for _, node in definitions}
    types = {name if name in names else FORMER.get(name, name) for name in types}
    carrying = carriers(definitions, types)
    stops = sorted(
        f"{module.name}:{name}"
        for module, node in definitions
        for name in handed(module, node, carrying)
    )
    files = len({stop.split(":")[0] for stop in stops})
    return {"stops": len(stops), "files": files, "carriers": sorted(carrying), "at": stops}


def lengths(parsed: dict[str, Module]) -> dict[str, dict[str, float]]:
    """Return number, median and 90th percentile of the lines of functions, by package.

    ``code`` are lines without docstrings, which grow with every example.
    """
    lines: dict[str, list[tuple[int, int]]] = {"all": []}
    for name, module in parsed.items():
        package = ".".join(name.split(".")[:2])
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef):
                length = extent(node), extent(node) - docstring_lines(node)
                lines.setdefault(package, []).append(length)
                lines["all"].append(length)
    return {name: measured(pairs) for name, pairs in sorted(lines.items()) if len(pairs) > 9}


def measured(lines: list[tuple[int, int]]) -> dict[str, float]:
    """Return number, median and 90th percentile of lines, with docstrings and without."""
    whole, code = zip(*lines, strict=True)
    ends = {"p90": quantiles(whole, n=10)[-1], "code_p90": quantiles(code, n=10)[-1]}
    return {"functions": len(lines), "median": median(whole), "code_median": median(code), **ends}


def docstring_lines(node: ast.FunctionDef) -> int:
    """Return the number of lines of a function's docstring."""
    return extent(node.body[0]) if ast.get_docstring(node) else 0


def extent(node: ast.stmt) -> int:
    """Return the number of lines of a statement."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def counted(parsed: dict[str, Module]) -> dict[str, dict]:
    """Return the ways and the lengths of functions of one version of the package."""
    ways = {name: way(parsed, *start) for name, start in WAYS.items()}
    return {"ways": ways, "functions": lengths(parsed)}


def at_commit(commit: str, read: Callable[[Path], Read]) -> Read:
    """Return what is read of the package as it was at a commit."""
    line = ["git", "archive", commit, PACKAGE.name]
    packed = subprocess.run(line, cwd=ROOT, check=True, capture_output=True).stdout
    with TemporaryDirectory() as place, tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(place, filter="data")
        return read(Path(place) / PACKAGE.name)


def main() -> None:
    """Print the figures before and after; write them if this is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write results/*.json")
    options = parser.parse_args()
    records = {"before": at_commit(BASELINE, modules), "after": modules(PACKAGE)}
    for label, parsed in records.items():
        record = counted(parsed)
        for name, figures in record["ways"].items():
            print(f"{label}: {name}: {figures['stops']} stops in {figures['files']} files")
        for name, figures in record["functions"].items():
            print(f"{label}: {name}: " + ", ".join(f"{key} {figures[key]:g}" for key in figures))
        if options.write:
            (RESULTS / f"{label}.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
