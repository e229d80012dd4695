"""Check the artifact location of an experiment, which MLflow fixes when the experiment is created.

A location that is given later has no effect, and a store that was copied or moved still names the
old one: new artifacts would silently go there.
"""

from __future__ import annotations

import sys
from multiprocessing import parent_process
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fibsem.errors import UserError
from fibsem.system.addresses import database_file, hidden, is_database
from fibsem.system.advice import Command
from fibsem.tracking.store import client_of


def folder_of(text: str) -> Path | None:
    """Return a location of MLflow as a local path, or None if it is on a server.

    >>> folder_of("file:///a%20b/1"), folder_of("mlflow-artifacts:/1")
    (PosixPath('/a b/1'), None)
    """
    if text.startswith("file:"):
        return Path(unquote(urlsplit(text).path))
    return Path(text) if text.startswith("/") else None


def check_artifacts(uri: str, experiment_id: str, requested: Path, *, was_typed: bool) -> None:
    """Warn or raise if an experiment has another artifact location than the requested one.

    Parameters
    ----------
    uri
        Address of the store; a server chooses the location itself.
    experiment_id
        An existing experiment.
    requested
        The requested location.
    was_typed
        Whether the user typed it; otherwise any location in the folder of the store is accepted.

    Raises
    ------
    UserError
        If the user gave a location and the experiment has another one.
    """
    database = database_file(uri)
    if not is_database(uri):
        if was_typed and parent_process() is None:
            print(
                f"tracking.artifacts={requested} does nothing: {hidden(uri)} has a place of its own"
            )
        return
    if database is None and not was_typed:
        return
    experiment = client_of(uri).get_experiment(experiment_id)
    requested = requested.resolve()
    lies = folder_of(experiment.artifact_location)
    if lies is not None and lies.resolve() == requested:
        return
    address = hidden(experiment.artifact_location) if lies is None else str(lies)
    moved = _moved(lies, requested)
    if was_typed:
        raise UserError(
            f"`tracking.artifacts` must be where the experiment {experiment.name} has its "
            f"artifacts, {address}, but got {requested}; the choices are that place, another "
            f"tracking.experiment{moved}."
        )
    assert database is not None
    beside = lies is not None and lies.resolve().is_relative_to(database.resolve().parent)
    if not beside and parent_process() is None:  # workers would repeat the warning
        print(
            f"warning: artifacts of the experiment {experiment.name} go to {address}, where its "
            f"others are, and not to {requested}{moved}",
            file=sys.stderr,
        )


def _moved(old: Path | None, new: Path) -> str:
    """Return advice to repoint if both locations end alike, as in a moved folder; else ''."""
    if old is None:
        return ""
    before, now = list(old.parts), list(new.parts)
    while before and now and before[-1] == now[-1]:
        before.pop()
        now.pop()
    if len(before) == len(old.parts) or not before or not now:
        return ""
    here = "here" if Path(*now) == Path.cwd() else f"in {Path(*now)}"
    return (
        ", or, for a folder that was moved or copied, "
        f"{Command('report').at('repoint', Path(*before))} {here}"
    )
