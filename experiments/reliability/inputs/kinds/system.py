"""Slices that the system did not give once, or does not give at all: never lost ones."""

import errno
import os
from pathlib import Path

from films import PLAIN, film, folder, nothing

CODES = (
    errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ETIMEDOUT,
    errno.EBUSY,
)  # fmt: skip


def failing(right, code, times):
    """Return a check during which opening one slice fails ``times`` times, as on a bad disk."""

    def failed() -> bool:
        left, open_ = [times], Path.open

        def opened(self, *arguments, **options):
            if self.name == PLAIN[5] and left[0]:
                left[0] -= 1
                raise OSError(code, os.strerror(code))
            return open_(self, *arguments, **options)

        Path.open = opened
        try:
            return right()
        finally:
            Path.open = open_

    return failed


def inputs():
    path = folder()
    for code in CODES:
        name = errno.errorcode[code]
        yield f"{name} once", failing(film(path, gaps=True), code, 1)
        yield f"{name} for ever", failing(nothing(path, gaps=True), code, 10**6)
