"""Identity of results from earlier versions, which stored none; it is rebuilt from their run."""

from __future__ import annotations

from pathlib import Path

from fibsem.config import settings_of
from fibsem.errors import UserError
from fibsem.system.identity import Identity
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking


def former_identity(
    kind: str, command: str, run_id: str, folder: Path, tracking: Tracking
) -> Identity:
    """Rebuild an identity from a run: the configuration that it logged and its data hash.

    Raises
    ------
    UserError
        If the store has no such run, or the run lacks the configuration or the hash.
    """
    unknown = UserError(
        f"`output` must be a new folder or hold the same {kind}, but {folder} does not say what it "
        f"was made from, and {tracking.uri} has no run {run_id} that does; the choices are another "
        "output or overwrite=true."
    )
    run = tracking.find(run_id)
    if run is None or names.DATA not in run.data.tags:
        raise unknown
    try:
        settings = settings_of(command, tracking.read_json(run_id, "config.json"))
    except Exception as error:  # the file is missing, or its format is outdated
        raise unknown from error
    return Identity(kind, settings, {"hash": run.data.tags[names.DATA]})
