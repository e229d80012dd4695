"""Where the artifacts of an experiment lie: MLflow asks once, when the experiment is made.

What is asked for later changes nothing, and a store that was copied or moved names the former
place: new work would go there without a word.
"""

from __future__ import annotations

import sys
from multiprocessing import parent_process
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fibsem.errors import UserError
from fibsem.system.addresses import database_file, hidden, is_database
from fibsem.tracking.store import client_of


def folder_of(text: str) -> Path | None:
    """A place of MLflow as a path, None of one on a server.

    >>> folder_of("file:///a%20b/1"), folder_of("mlflow-artifacts:/1")
    (PosixPath('/a b/1'), None)
    """
    if text.startswith("file:"):
        return Path(unquote(urlsplit(text).path))
    return Path(text) if text.startswith("/") else None


def check_artifacts(uri: str, experiment_id: str, asked: Path, *, given: bool) -> None:
    """Say where an experiment has its artifacts in another place than the one that is asked for.

    Parameters
    ----------
    uri
        Of the store; a server keeps its artifacts where it likes.
    experiment_id
        Of an experiment that is there.
    asked
        The place that is asked for.
    given
        Whether somebody typed it; else one beside the store does as well.

    Raises
    ------
    UserError
        If a place was given and the experiment has another one.
    """
    database = database_file(uri)
    if not is_database(uri):
        if given and parent_process() is None:
            print(f"tracking.artifacts={asked} does nothing: {hidden(uri)} has a place of its own")
        return
    if database is None and not given:
        return
    experiment = client_of(uri).get_experiment(experiment_id)
    asked = asked.resolve()
    lies = folder_of(experiment.artifact_location)
    if lies is not None and lies.resolve() == asked:
        return
    place = hidden(experiment.artifact_location) if lies is None else str(lies)
    moved = _moved(lies, asked)
    if given:
        raise UserError(
            f"`tracking.artifacts` must be where the experiment {experiment.name} has its "
            f"artifacts, {place}, but got {asked}; the choices are that place, another "
            f"tracking.experiment{moved}."
        )
    assert database is not None
    beside = lies is not None and lies.resolve().is_relative_to(database.resolve().parent)
    if not beside and parent_process() is None:  # workers would say it again
        print(
            f"warning: artifacts of the experiment {experiment.name} go to {place}, where its "
            f"others are, and not to {asked}{moved}",
            file=sys.stderr,
        )


def _moved(old: Path | None, new: Path) -> str:
    """What helps where the two places look like those of one folder that has another name now."""
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
        f", or, for a folder that was moved or copied, python -m fibsem.report "
        f"repoint={Path(*before)} {here}"
    )
