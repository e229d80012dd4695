"""A run is begun once: by what was noted before it began, it is found again.

Between the moment when a store has a new run and the one when somebody has written down its id, a
kill would leave a run that nobody knows, RUNNING for ever. So a token is noted first, and the run
carries it.
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

#: File in the folder of a run that has its token.
BEGUN = "begun.json"


class Notes(Protocol):
    """What outlives a command that works on a run: its ``run_id``, and a ``token`` before that."""

    def get(self, key: str) -> Any:
        """What was noted, or None."""

    def set(self, key: str, value: Any) -> None:
        """Note a value under a key, for good."""


def noted(key: str, record: object) -> str:
    """What a record notes under a key."""
    notes = typed(Record, record)
    if not isinstance(notes.get(key), str):
        raise ValueError(f"`{key}` must be a text, but got {notes.get(key)}")
    return str(notes[key])


#: The id of a run, from a record that has it.
RUN = partial(noted, "run_id")


@dataclass(frozen=True)
class FileNotes:
    """Notes in a folder: the id in a file of its own, as readers know it, and the token beside."""

    path: Path

    def _file(self, key: str) -> Path:
        return self.path if key == "run_id" else self.path.with_name(BEGUN)

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
    """Id of the run that some notes are of: the one that was cut off, or a new one.

    Parameters
    ----------
    tracking, notes
        The store, and what is known of the run.
    name, tags, params, parent
        Of a new one.
    tree
        Its configuration, kept with it as ``config.json``.
    dataset
        What it is computed from.
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
    """The run that was begun with a token, if the store came to know it."""
    for run in tracking.runs({names.TOKEN: token}):
        if tracking.resume(run.info.run_id):
            return str(run.info.run_id)
    return None
