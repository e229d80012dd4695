"""Count the stops of three values on their way through the package, and how long functions are.

    .venv/bin/python experiments/architecture/ways.py --json FILE

It takes a second. ``tests/test_ways.py`` compares the counts with the latest file in ``results``.

A *stop* is a function or a class that a command reaches (through imports and names in the syntax
trees) and that receives the value: a parameter or a field is annotated with one of the types in
which the value travels. Nothing is imported or run.
"""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

PACKAGE = Path(__file__).resolve().parents[2] / "fibsem"

#: Module of the command, and the types in which the value travels through it.
WAYS = {
    "configuration through sweep": (
        "fibsem.sweep",
        {"Tree", "Configuration", "RunConfig", "TrainConfig", "SearchConfig", "DataConfig",
         "TrackingConfig", "SamplingConfig", "Budget", "Job"},
    ),
    "trials through promote": (
        "fibsem.promote",
        {"Record", "Trial", "TrialResult", "Ranked", "Ranking", "Final", "Chosen", "Repetition",
         "BestSteps", "Look", "Examination", "Scores", "Challenger", "SquareCounts", "SquareMious",
         "Lineage"},
    ),
    "volume through segment": (
        "fibsem.segment",
        {"Volume", "ArrayVolume", "CorrectedVolume", "MendedVolume", "RangedVolume"},
    ),
}  # fmt: skip

Node = ast.FunctionDef | ast.ClassDef


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


def modules(package: Path) -> dict[str, Module]:
    """Parse every module of a package; return them by dotted name."""
    read = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        read[name] = Module(name, ast.parse(file.read_text(encoding="utf-8")))
    return read


def defined(known: dict[str, Module], dotted: str) -> tuple[Module, str] | None:
    """Return the module and name of a definition, through re-exports; None if it is unknown."""
    place, _, name = dotted.rpartition(".")
    module = known.get(place)
    if module is None:
        return None
    if name in module.own:
        return module, name
    return defined(known, module.imported[name]) if name in module.imported else None


def mentioned(node: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield the names that a definition uses, each with its accessed attribute, or None."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            yield part.value.id, part.attr
        elif isinstance(part, ast.Name):
            yield part.id, None


def reached(known: dict[str, Module], command: str) -> Iterator[tuple[Module, Node]]:
    """Yield every function and class that a command reaches; a class includes all its methods."""
    waiting = [(known[command], name) for name in known[command].own]
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
                found = defined(known, f"{dotted}.{attribute}" if dotted in known else dotted)
                waiting += [found] if found else []


def handed(node: Node, types: set[str]) -> Iterator[str]:
    """Yield the names of a function, or of a class and its methods, that receive the value."""
    if isinstance(node, ast.FunctionDef):
        if any(names(argument.annotation) & types for argument in arguments(node)):
            yield node.name
        return
    fields = [part.annotation for part in node.body if isinstance(part, ast.AnnAssign)]
    if any(names(annotation) & types for annotation in fields):
        yield node.name
    for part in node.body:
        if isinstance(part, ast.FunctionDef):
            yield from (f"{node.name}.{name}" for name in handed(part, types))


def arguments(node: ast.FunctionDef) -> list[ast.arg]:
    """Return the parameters of a function."""
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def names(annotation: ast.AST | None) -> set[str]:
    """Return the names in an annotation."""
    parts = ast.walk(annotation) if annotation else ()
    return {part.id for part in parts if isinstance(part, ast.Name)}


def way(known: dict[str, Module], command: str, types: set[str]) -> dict[str, object]:
    """Return the stops of a value on its way through a command, and the number of their files."""
    stops = sorted(
        f"{module.name}:{name}"
        for module, node in reached(known, command)
        for name in handed(node, types)
    )
    return {"stops": len(stops), "files": len({stop.split(":")[0] for stop in stops}), "at": stops}


def lengths(known: dict[str, Module]) -> dict[str, dict[str, float]]:
    """Return number, median and 90th percentile of the lines of functions, by package."""
    lines: dict[str, list[int]] = {"all": []}
    for name, module in known.items():
        package = ".".join(name.split(".")[:2])
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                lines.setdefault(package, []).append(length)
                lines["all"].append(length)
    return {
        name: {"functions": len(some), "median": median(some), "p90": quantiles(some, n=10)[-1]}
        for name, some in sorted(lines.items())
        if len(some) > 9
    }


def main() -> None:
    """Print the figures, and write them if a file is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--package", type=Path, default=PACKAGE, help="the package's folder")
    given = parser.parse_args()
    known = modules(given.package)
    record = {name: way(known, *how) for name, how in WAYS.items()}
    for name, one in record.items():
        print(f"{name}: {one['stops']} stops in {one['files']} files")
    long = lengths(known)
    for name, one in long.items():
        print(f"{name}: {one['functions']} functions, median {one['median']:g}, p90 {one['p90']:g}")
    if given.json:
        given.json.write_text(json.dumps({"ways": record, "functions": long}, indent=1) + "\n")


if __name__ == "__main__":
    main()
