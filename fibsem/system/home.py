"""Paths as users type them, alone or within an address."""

from __future__ import annotations

import re
from pathlib import Path

from fibsem.errors import UserError

#: Beginning of a Windows path, also one whose backslashes a shell has removed.
DRIVE = re.compile(r"([A-Za-z]):")


def home_path(text: str) -> Path:
    """Convert user input to a path: expand ``~/`` to the home folder; ``~`` alone is a file name.

    >>> home_path("~/film").is_absolute(), home_path("~")
    (True, PosixPath('~'))

    Raises
    ------
    UserError
        If neither ``HOME`` nor the account names a home folder, or if it is a Windows path.
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
