"""What results of versions before were computed from: they kept no identity, but their runs do."""

from __future__ import annotations

from pathlib import Path

from fibsem.config import settings_of
from fibsem.errors import UserError
from fibsem.system.identity import Identity
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
    run = tracking.find(run_id)
    data = run.data.tags.get("fibsem.data") if run else None
    try:
        tree = tracking.read_json(run_id, "config.json") if data else {}
        return Identity(kind, settings_of(command, tree), {"hash": data})
    except Exception as error:  # of the store, or of a configuration that is too old
        raise UserError(
            f"`output` must be a new folder or hold the same {kind}, but {folder} does not say "
            f"what it was made from, and {tracking.uri} has no run {run_id} that does; the choices "
            "are another output or overwrite=true."
        ) from error
