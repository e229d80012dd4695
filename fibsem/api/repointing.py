"""Repair a store that was moved with its folder: ``python -m fibsem.report repoint=OLD``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem.api.options import completes, one_line_errors, tree_of
from fibsem.config import Configuration, TrackingConfig, Tree, read, read_path, require

if TYPE_CHECKING:
    from fibsem.tracking.repointing import Repointed


@completes("report", "tracking")
@one_line_errors
def repoint(old: str | Path, **options: Any) -> Repointed:
    """Correct the artifact locations of an MLflow store that was moved to the working directory.

    Parameters
    ----------
    old
        Folder that the store was moved from; it need not exist any more.
    options
        ``tracking={"uri": ...}``: the MLflow store.

    Returns
    -------
    Repointed
        Number of locations that were ``changed``, and how many of the new ones are ``present``.

    Raises
    ------
    UserError
        If the store is not a file or is damaged, if no location lies below ``old``, or if none of
        the new locations exists.

    Examples
    --------
    ```python
    api.repoint("/home/me/fibsem").changed
    ```
    """
    typed = options.get("repoint")
    require("repoint", typed, typed is None, "left to `old`, the first argument")
    require("old", type(old).__name__, isinstance(old, str | Path), "a folder")
    return run(tree_of("report", None, options, repoint=str(old)))


def run(tree: Tree) -> Repointed:
    """Correct the store of a configuration."""
    from fibsem.tracking.repointing import repoint

    for line in Configuration(tree).typed_for_nothing():
        print(line)
    store = read(TrackingConfig, tree["tracking"], "tracking")
    return repoint(store.uri, read_path(tree["repoint"], "repoint"), Path.cwd())
