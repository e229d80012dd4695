"""Handle standard streams that are closed from the start (``>&-``, daemons) or with a terminal."""

from __future__ import annotations

import errno
import os
import sys
import termios

#: The standard streams by their numbers, and how each is used.
STREAMS = {0: ("stdin", "r"), 1: ("stdout", "w"), 2: ("stderr", "w")}


def open_closed() -> None:
    """Connect every closed standard stream to the null device.

    Otherwise the next file to be opened, a database or a volume, would get its descriptor, and
    output of libraries would be written into it.
    """
    for number, (name, mode) in STREAMS.items():
        if not _is_open(number):
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def leave_closed_terminal() -> None:
    """Redirect streams of a closed terminal to the null device: writing to them is an error."""
    for number in STREAMS:
        if _hung_up(number):
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, number)
            os.close(nowhere)


def _hung_up(number: int) -> bool:
    try:
        termios.tcgetattr(number)
    except termios.error as error:
        return error.args[0] == errno.EIO
    return False


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
