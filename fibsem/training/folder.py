"""The folder of a training: gone on with, refused, or begun anew, by what it was computed from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fibsem.config import defaults_of
from fibsem.errors import UserError
from fibsem.system import identity
from fibsem.system.files import known_json
from fibsem.system.identity import Identity
from fibsem.tracking.beginning import BEGUN, RUN
from fibsem.tracking.runs import Tracking
from fibsem.training.former import former_identity

Overwrite = Literal["never", "other", "always"]

#: Everything that a training leaves in its folder, and ``train`` beside it.
OWN = ("result.json", "summary.json", "checkpoint.npz", "model.keras", "model.skops", "run.json",
       "validation_square.png", "bundle.json", BEGUN)  # fmt: skip


def settle(folder: Path, now: Identity, tracking: Tracking, overwrite: Overwrite) -> None:
    """Make a folder that of one training.

    Parameters
    ----------
    folder, now
        Where, and what it is computed from.
    tracking
        Knows what a version before computed there, and ends the run of what is removed.
    overwrite
        Whether the results that are there are removed: ``never``, where they are of an ``other``
        training, or ``always``.

    Raises
    ------
    UserError
        If they are of another training; names what differs.
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
    """Id of the run that a training in a folder has, or had; None where there is none."""
    for name in ("run.json", "result.json"):
        if (run_id := known_json(folder / name, RUN)) is not None:
            return run_id
    return None
