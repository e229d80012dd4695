"""Create a run only once, and find it again after a kill by a token.

If a process is killed after the store has created a run and before its id is written down, the run
would be lost, RUNNING forever. So a token is written down first, and the run has it as a tag.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from fibsem.data.dataset.dataset import Dataset
from fibsem.system.files import known_json, write_json
from fibsem.system.records import Record, typed
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking

#: File in the folder of a run that contains its token.
TOKEN_FILE = "begun.json"


class Notes(Protocol):
    """Notes on a run that survive a kill: its ``run_id``, and before that a ``token``."""

    def get(self, key: str) -> Any:
        """Return the value under a key, or None."""

    def set(self, key: str, value: Any) -> None:
        """Store a value under a key permanently."""


def noted(key: str, record: object) -> str:
    """Return the text under a key of a record; raise ``ValueError`` if there is none."""
    notes = typed(Record, record)
    if not isinstance(notes.get(key), str):
        raise ValueError(f"`{key}` must be a text, but got {notes.get(key)}")
    return str(notes[key])


#: Reads the id of a run from a record.
RUN = partial(noted, "run_id")


@dataclass(frozen=True)
class FileNotes:
    """Notes in two files of a folder: the run id in ``path``, the token in :data:`TOKEN_FILE`."""

    path: Path

    def _file(self, key: str) -> Path:
        return self.path if key == "run_id" else self.path.with_name(TOKEN_FILE)

    def get(self, key: str) -> Any:
        return known_json(self._file(key), partial(noted, key))

    def set(self, key: str, value: Any) -> None:
        write_json(self._file(key), {key: value})


def take_up(
    tracking: Tracking,
    notes: Notes,
    name: str,
    tree: Mapping[str, Any],
    dataset: Dataset,
    *,
    tags: Mapping[str, object],
    params: Mapping[str, object] | None = None,
    parent: str | None = None,
) -> str:
    """Resume the run in some notes, or start a new one; return its id.

    Parameters
    ----------
    tracking, notes
        The store, and the notes on the run.
    name, tags, params, parent
        Properties of a new run.
    tree
        Configuration of the run, logged as ``config.json``.
    dataset
        Dataset of the run.
    """
    noted_id = notes.get("run_id")
    if noted_id is not None and tracking.resume(noted_id):
        return str(noted_id)
    run_id = None
    if noted_id is None and (token := notes.get("token")) is not None:
        run_id = _begun(tracking, token)
    if run_id is None:
        notes.set("token", token := secrets.token_hex(8))
        run_id = tracking.start(name, tags={**tags, names.TOKEN: token}, parent=parent)
    with tracking.cut_off(run_id):
        tracking.log_params(run_id, params or {})
        tracking.log_dataset(run_id, dataset)
        tracking.log_json(run_id, tree, "config.json")
        notes.set("run_id", run_id)
    return run_id


def _begun(tracking: Tracking, token: str) -> str | None:
    """Resume the run with a token and return its id, or None if the store has no such run."""
    for run in tracking.runs({names.TOKEN: token}):
        if tracking.resume(run.info.run_id):
            return str(run.info.run_id)
    return None
