"""That a promotion has made a champion, and by which verdict: it does so once."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

from fibsem.analysis.statistics import Gate
from fibsem.errors import UserError
from fibsem.system.files import read_json, write_json
from fibsem.tracking import registry

#: Says that the promotion has made a champion, and by which verdict.
FILE = "crowned.json"
#: What can be done where nobody knows any more whether it has made one.
REMEDY = "the choices are to remove it, upon which the gate decides again, or overwrite=true"


def decide(folder: Path, version: str, gate: Gate) -> None:
    """Keep the verdict by which a version became the champion."""
    write_json(folder / FILE, {"version": version, "gate": asdict(gate)})


def decided(folder: Path, run_id: str, uri: str) -> Gate | None:
    """The verdict by which the version of a run became the champion of a store; None before.

    Raises
    ------
    UserError
        If what was kept is damaged: whether there was one is not guessed.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    record = read_json(path, keys=("version", "gate"), remedy=REMEDY)
    kept, all_of = record["gate"].keys(), fields(Gate)
    needed = {field.name for field in all_of if field.name != "forced"}  # which older ones lack
    if not needed <= kept <= {field.name for field in all_of}:
        raise UserError(f"a verdict must be whole, but {path} is damaged; {REMEDY}.")
    if record["version"] != registry.version_of(run_id, uri):
        return None
    return Gate(**record["gate"])
