"""What can be made again, in the user's cache; a cache that cannot be used stops nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fibsem.system.files import as_it_is, known_json

T = TypeVar("T")


def user_cache() -> Path:
    """The package's folder in the user's cache, for all that they do; made by who writes there.

    Where there is no home, or not one to write to, as in containers and on clusters, it is a
    folder for temporary files that is the user's alone.
    """
    import pooch  # which takes longer to load than all the rest

    try:
        folder = Path(pooch.os_cache("fibsem"))
    except RuntimeError:  # neither HOME nor an account says where
        return _temporary()
    return folder if _writable(folder) else _temporary()


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"fibsem-{os.getuid()}"


def _writable(folder: Path) -> bool:
    """Whether a folder can be written to, or be made; nothing is made."""
    nearest = next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))
    return os.access(nearest, os.W_OK | os.X_OK)


def cached_json(path: Path, of: Callable[[Any], T] = as_it_is) -> T | None:
    """What was kept, or None: nothing is there, it is damaged, or may not be read."""
    try:
        return known_json(path, of)
    except OSError:
        return None
