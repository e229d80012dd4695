"""Paths as people type them, wherever one is given: alone, or in an address."""

from __future__ import annotations

from pathlib import Path

from fibsem.errors import UserError


def home_path(text: str) -> Path:
    """A path as people type it: ``~/`` is home, whatever the shell made of it; ``~`` is a name.

    >>> home_path("~/film").is_absolute(), home_path("~")
    (True, PosixPath('~'))

    Raises
    ------
    UserError
        If neither ``HOME`` nor the account says where home is.
    """
    if not text.startswith("~/"):
        return Path(text)
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UserError(
            f"`~/` must mean a home folder, but this account has none, got {text}; the choices "
            "are the whole path or HOME=FOLDER."
        ) from error
