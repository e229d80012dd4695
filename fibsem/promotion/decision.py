"""Store the verdict that made a version the champion; a promotion does so only once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from fibsem.system.files import read_json, write_json
from fibsem.system.records import typed
from fibsem.system.summaries.promotion import Gate
from fibsem.tracking import registry

#: File with the verdict by which the promotion has made a champion.
FILE = "decision.json"
#: Name of this file in promotions of earlier versions.
FORMER_FILE = "crowned.json"
#: Advice if this file is damaged.
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
    """Return the verdict that made a run's version the champion, or None if there is none.

    Raises
    ------
    UserError
        If the file is damaged, so that it is unknown whether there was a verdict.
    """
    paths = (folder / name for name in (FILE, FORMER_FILE))
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    verdict = read_json(path, partial(typed, Verdict), remedy=REMEDY)
    return verdict.gate if verdict.version == registry.version_of(run_id, uri) else None
