"""What results of versions before were computed from: they kept no identity, but their runs do."""

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
    """The identity of results by their run: the configuration that it logged, and its data's hash.

    Raises
    ------
    UserError
        If the store does not know it.
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
    except Exception as error:  # it was not logged any more, or is of an older kind
        raise unknown from error
    return Identity(kind, settings, {"hash": run.data.tags[names.DATA]})
