"""Paths as people type them, wherever one is given: alone, or in an address."""

from __future__ import annotations

import re
from pathlib import Path

from fibsem.errors import UserError

#: How a path of Windows begins, also where a shell took its backslashes away.
DRIVE = re.compile(r"([A-Za-z]):")


def home_path(text: str) -> Path:
    """A path as people type it: ``~/`` is home, whatever the shell made of it; ``~`` is a name.

    >>> home_path("~/film").is_absolute(), home_path("~")
    (True, PosixPath('~'))

    Raises
    ------
    UserError
        If neither ``HOME`` nor the account says where home is, or if it is a path of Windows.
    """
    if (drive := DRIVE.match(text)) and not Path(text).exists():
        letter = drive[1]
        raise UserError(
            f"a path must be one of this system, but got {text}; in WSL drive {letter}: is "
            f"/mnt/{letter.lower()}, with / between the folders."
        )
    if not text.startswith("~/"):
        return Path(text)
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UserError(
            f"`~/` must mean a home folder, but this account has none, got {text}; the choices "
            "are the whole path or HOME=FOLDER."
        ) from error
