"""Keeps the verdict by which a promotion made a champion, since it does so only once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from fibsem.system.files import read_json, write_json
from fibsem.system.records import typed
from fibsem.system.summaries.promotion import Gate
from fibsem.tracking import registry

#: File that says that the promotion has made a champion, and by which verdict.
FILE = "crowned.json"
#: What a user can do if this file is damaged.
REMEDY = "the choices are to remove it, upon which the gate decides again, or overwrite=true"


@dataclass(frozen=True)
class Verdict:
    """A version that became the champion, and the verdict of the gate."""

    version: str
    gate: Gate


def decide(folder: Path, version: str, gate: Gate) -> None:
    """Write the verdict by which a version became the champion."""
    write_json(folder / FILE, asdict(Verdict(version, gate)))


def decided(folder: Path, run_id: str, uri: str) -> Gate | None:
    """The verdict by which the version of a run became the champion; None if it did not yet.

    Raises
    ------
    UserError
        If the file is damaged, so that nobody can tell whether there was one.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    verdict = read_json(path, partial(typed, Verdict), remedy=REMEDY)
    return verdict.gate if verdict.version == registry.version_of(run_id, uri) else None
