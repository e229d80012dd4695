"""The folder of a training: continued, refused or cleared, depending on its identity."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fibsem.config import defaults_of
from fibsem.errors import UserError
from fibsem.system import identity
from fibsem.system.files import known_json
from fibsem.system.identity import Identity
from fibsem.tracking.run_notes import RUN, TOKEN_FILE
from fibsem.tracking.runs import Tracking
from fibsem.training.former import former_identity

Overwrite = Literal["never", "other", "always"]

#: All files that a training, or the command ``train``, writes to its folder.
OWN = ("result.json", "summary.json", "checkpoint.npz", "model.keras", "model.skops", "run.json",
       "validation_square.png", "bundle.json", TOKEN_FILE)  # fmt: skip


def settle(folder: Path, now: Identity, tracking: Tracking, overwrite: Overwrite) -> None:
    """Reserve a folder for one training.

    Parameters
    ----------
    folder, now
        Folder and the identity of the training.
    tracking
        Store with the identities of results from earlier versions; the run of removed results is
        closed in it.
    overwrite
        When to remove existing results: ``never``, only those of an ``other`` training, or
        ``always``.

    Raises
    ------
    UserError
        If the folder holds results of another training; the message names the differences.
    """
    try:
        _settle(folder, now, tracking, overwrite=overwrite == "always")
    except UserError:
        if overwrite != "other":
            raise
        _settle(folder, now, tracking, overwrite=True)


def _settle(folder: Path, now: Identity, tracking: Tracking, *, overwrite: bool) -> None:
    run_id = run_of(folder)
    if overwrite:
        identity.tell_removed(folder, now, end="result.json")
    if overwrite and run_id:
        tracking.close(run_id, "KILLED")

    def former() -> Identity | None:
        if run_id is None:
            return None
        return former_identity("training", "train", run_id, folder, tracking)

    identity.settle(
        folder, now, OWN, overwrite=overwrite, former=former,
        defaults=lambda: defaults_of("train", now.settings),
    )  # fmt: skip


def run_of(folder: Path) -> str | None:
    """Return the run id recorded in a training folder, or None if there is none."""
    for name in ("run.json", "result.json"):
        if (run_id := known_json(folder / name, RUN)) is not None:
            return run_id
    return None
