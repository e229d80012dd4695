"""That a promotion has made a champion, and by which verdict: it does so once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from fibsem.system.files import read_json, write_json
from fibsem.system.records import typed
from fibsem.system.summaries.promotion import Gate
from fibsem.tracking import registry

#: Says that the promotion has made a champion, and by which verdict.
FILE = "crowned.json"
#: What can be done where nobody knows any more whether it has made one.
REMEDY = "the choices are to remove it, upon which the gate decides again, or overwrite=true"


@dataclass(frozen=True)
class Verdict:
    """By which verdict which version became the champion."""

    version: str
    gate: Gate


def decide(folder: Path, version: str, gate: Gate) -> None:
    """Keep the verdict by which a version became the champion."""
    write_json(folder / FILE, asdict(Verdict(version, gate)))


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
    verdict = read_json(path, partial(typed, Verdict), remedy=REMEDY)
    return verdict.gate if verdict.version == registry.version_of(run_id, uri) else None
