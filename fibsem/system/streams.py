"""Standard streams that whoever started the process has closed (``>&-``, daemons, schedulers)."""

from __future__ import annotations

import os
import sys

#: The standard streams by their numbers, and how each is used.
STREAMS = {0: ("stdin", "r"), 1: ("stdout", "w"), 2: ("stderr", "w")}


def open_closed() -> None:
    """Let every standard stream that is closed lead nowhere.

    The next file to be opened would get its number, and whatever libraries say would be written
    into it: a database, or a volume.
    """
    for number, (name, mode) in STREAMS.items():
        if not _is_open(number):
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
