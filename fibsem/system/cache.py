"""The user's cache and temporary files: results that can be recomputed, and those of a moment."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from fibsem.errors import UserError
from fibsem.system.files import (
    as_it_is,
    known_json,
    remove_leftovers,
    scratch_beside,
    write_json,
)

T = TypeVar("T")


def user_cache() -> Path:
    """Return the package's folder in the user's cache; the folder is not created.

    Without a writable home, as in containers and on clusters, this is a folder of the user among
    the temporary files.
    """
    import pooch  # imported here, as it takes longer than the rest of this module

    try:
        folder = Path(pooch.os_cache("fibsem"))
    except RuntimeError:  # neither HOME nor the account names a home folder
        return _temporary()
    return folder if _writable(folder) else _temporary()


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"fibsem-{os.getuid()}"


def _writable(folder: Path) -> bool:
    """Return whether a folder can be written to or created, without creating it."""
    nearest = next(parent for parent in (folder, *folder.parents) if os.access(parent, os.F_OK))
    return os.access(nearest, os.W_OK | os.X_OK)


def cached_json(path: Path, of: Callable[[Any], T] = as_it_is) -> T | None:
    """Read a cached record; None if it is missing, damaged or unreadable."""
    try:
        return known_json(path, of)
    except OSError:
        return None


def cache_json(path: Path, record: object) -> None:
    """Write a record to the cache; a cache that cannot be written to is no error."""
    with suppress(OSError, UserError):
        remove_leftovers(path.parent, deep=False)
        write_json(path, record)


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """Yield a new folder among the user's temporary files, which is removed at the end.

    What a killed process has left there is removed first.

    Raises
    ------
    UserError
        If the place of the user's temporary files belongs to another user.
    """
    temporary = _temporary()
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    if temporary.stat().st_uid != os.getuid():
        raise UserError(
            f"`TMPDIR` must have room for a folder of your own, but {temporary} belongs to another "
            "user; another TMPDIR does."
        )
    remove_leftovers(temporary, deep=False)
    with scratch_beside(temporary / name) as folder:
        yield folder
