"""What is changed: mutants of some packages, drawn with a seed, as mutmut makes them.

Types and messages are not mutated, since tests do not, and should not, check them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Packages, in the order in which they are tried.
PACKAGES = ("search", "promotion", "training", "analysis")
#: Mutants of each package by kind: arguments dropped; operators; numbers, values, branches.
KINDS = {"call": 15, "operator": 20, "value": 15}
VALUES = ("Integer", "Float", "Name", "Assign", "AnnAssign", "Lambda", "IfExp", "SimpleString")
#: Calls whose arguments are messages.
WORDS = ("UserError", "print", "say", "progress", "Progress", "show")

Mutant = dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """A mutation that may be drawn; ``make`` returns the mutated code."""

    file: str
    before: str
    line: int
    kind: str
    lines: tuple[int, int]
    make: Callable[[], str]

    def mutant(self) -> Mutant:
        before, after, line = changed_lines(self.before, self.make())
        return {
            "file": self.file, "line": line, "kind": self.kind,
            "lines": self.lines, "before": before, "after": after,
        }  # fmt: skip


def candidates(tree: Path, path: Path) -> Iterator[Candidate]:
    """Yield all mutants of a file, except those of types and messages."""
    import libcst as cst
    from libcst import metadata
    from mutmut.mutation.file_mutation import MutationVisitor
    from mutmut.mutation.mutators import mutation_operators
    from mutmut.mutation.pragma_handling import IgnoredCode

    code = path.read_text()
    wrapper = metadata.MetadataWrapper(cst.parse_module(code))
    visitor = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper.visit(visitor)
    where = wrapper.resolve(metadata.PositionProvider)
    above = wrapper.resolve(metadata.ParentNodeProvider)

    def ancestors(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        while not isinstance(node, cst.Module):
            yield node
            node = above[node]

    def is_alias(chain: list[cst.CSTNode]) -> bool:
        inside = any(isinstance(one, cst.FunctionDef | cst.ClassDef) for one in chain)
        named = next((one for one in chain if isinstance(one, cst.Assign)), None)
        return not inside and isinstance(named and named.value, cst.Subscript | cst.BinaryOperation)

    def is_said(node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Raise | cst.FormattedString | cst.ConcatenatedString):
            return True
        if isinstance(node, cst.SimpleString) and " " in node.value:
            return True
        called = getattr(node, "func", None)
        return getattr(getattr(called, "attr", called), "value", None) in WORDS

    for mutation in visitor.mutations:
        node = mutation.original_node
        chain = list(ancestors(node))
        if any(map(is_said, chain)) or is_alias(chain):
            continue
        statement = next((n for n in chain if isinstance(n, cst.SimpleStatementLine)), node)
        name = type(node).__name__
        yield Candidate(
            str(path.relative_to(tree)), code, where[node].start.line,
            "call" if name == "Call" else "value" if name in VALUES else "operator",
            (where[statement].start.line, where[statement].end.line),
            lambda m=mutation: wrapper.module.deep_replace(m.original_node, m.mutated_node).code,
        )  # fmt: skip


def changed_lines(before: str, after: str) -> tuple[list[str], list[str], int]:
    """Return the differing lines before and after, and the number of the first one."""
    a, b = before.splitlines(), after.splitlines()
    first = next(k for k, (one, other) in enumerate(zip(a, b, strict=False)) if one != other)
    last = 0
    while last < min(len(a), len(b)) - first - 1 and a[-1 - last] == b[-1 - last]:
        last += 1
    return a[first : len(a) - last], b[first : len(b) - last], first + 1


def draw(tree: Path, seed: int) -> list[Mutant]:
    """Draw the mutants of each package: first a line, then one of the mutants of that line.

    Each package has its own random stream, so that changes of one do not affect the others.
    """
    drawn: list[Mutant] = []
    for package in PACKAGES:
        rng = random.Random(f"{seed} {package}")
        files = sorted((tree / "fibsem" / package).rglob("[!_]*.py"))
        every = [candidate for path in files for candidate in candidates(tree, path)]
        chosen: list[Mutant] = []
        for kind, count in KINDS.items():
            by_line: dict[tuple[str, int], list[Candidate]] = {}
            for one in every:
                if one.kind == kind:
                    by_line.setdefault((one.file, one.line), []).append(one)
            places = rng.sample(sorted(by_line), count)
            chosen += [rng.choice(by_line[place]).mutant() for place in places]
        drawn += sorted(chosen, key=lambda mutant: (mutant["file"], mutant["line"]))
    return [{"id": k, "package": m["file"].split("/")[1], **m} for k, m in enumerate(drawn)]
