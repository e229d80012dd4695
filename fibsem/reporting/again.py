"""Steps to reproduce a result: code, data and commands, each with a note."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.config import as_typed, command_line
from fibsem.system.summaries.lineage import Lineage

UNKNOWN = "not recorded"


@dataclass(frozen=True)
class CommandLine:
    """One step of reproducing a result: a command, None if unknown, and a note."""

    run: str | None
    note: str


def checkout(code: str | None) -> CommandLine:
    """Return how to get the code; ``0.1.0+37a2faa`` is version and commit."""
    if code is None:
        return CommandLine(None, f"the code: version {UNKNOWN}")
    version, plus, commit = code.partition("+")
    if not plus:
        return CommandLine(None, f"the code: fibsem {version}, installed without its history")
    clean = commit.removesuffix("-dirty")
    note = f"the code, fibsem {version}"
    if clean != commit:
        note += "; it had changes that were not committed and are not in this commit"
    return CommandLine(f"git checkout {clean}", note)


def data_of(lineage: Lineage) -> CommandLine:
    """Return how to get the data: inspect a local copy, simulate a phantom, or download it."""
    source, digest = lineage.data_source, hashed(lineage.data)
    name = lineage.dataset or source.name
    note = f"the data {name or ''}".strip() + (f", {digest}" if digest else f": hash {UNKNOWN}")
    if path := source.path:
        return CommandLine(command_line("inspect", [as_typed("data.path", path)]), note)
    if recipe := source.phantom:
        output = as_typed("output", f"data/{source.name}")
        return CommandLine(command_line("simulate", [f"phantom={recipe}", output]), note)
    if dataset := source.name:
        fetch = ["data.download=true"] if dataset == "hpc" else []
        return CommandLine(command_line("inspect", [f"data={dataset}", *fetch]), note)
    return CommandLine(None, f"{note}; where they lay is {UNKNOWN}")


def command_of(command: str | None, what: str) -> CommandLine:
    """Return the step that makes ``what``; the note says so if the command is unknown."""
    return CommandLine(command, what if command else f"{what}: command {UNKNOWN}")


def hashed(data: str | None) -> str | None:
    """Format the hash of data and split; None if unknown."""
    return data and f"hash {data}"
