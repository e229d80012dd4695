"""The user's cache for results that can be recomputed; failures to use it are no errors."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fibsem.system.files import as_it_is, known_json

T = TypeVar("T")


def user_cache() -> Path:
    """Return the package's folder in the user's cache; the folder is not created.

    Without a writable home, as in containers and on clusters, this is a folder of the user among
    the temporary files.
    """
    import pooch  # here, because it takes longer to load than the rest of this module

    try:
        folder = Path(pooch.os_cache("fibsem"))
    except RuntimeError:  # neither HOME nor the account names a home folder
        return _temporary()
    return folder if _writable(folder) else _temporary()


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"fibsem-{os.getuid()}"


def _writable(folder: Path) -> bool:
    """Return whether a folder can be written to or created, without creating it."""
    nearest = next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))
    return os.access(nearest, os.W_OK | os.X_OK)


def cached_json(path: Path, of: Callable[[Any], T] = as_it_is) -> T | None:
    """Read a cached record; None if it is missing, damaged or unreadable."""
    try:
        return known_json(path, of)
    except OSError:
        return None
