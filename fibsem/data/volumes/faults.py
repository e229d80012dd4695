"""Errors of reading a file: it is absent, its content is damaged, or it is inaccessible for now.

A volume with gaps skips slices with the first two errors. Files with the third are tried again, and
then end the run: a temporary failure of a disk or server must not pass for a lost slice.
"""

from __future__ import annotations

import errno
import re
import stat
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal, TypeVar

from fibsem.errors import UserError

T = TypeVar("T")
File = Path | zipfile.Path

#: Seconds to wait before each further attempt.
WAITS_S = (0.1, 0.5, 2.0)
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
#: Errors that do not disappear when trying again.
FOREVER = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENAMETOOLONG)
#: Errors due to the content: those of decoders, and of offsets that a damaged header gives.
CONTENT = (None, errno.EINVAL, errno.EOVERFLOW)
#: Messages of Python if a process cannot start further threads, or is ending.
OF_PYTHON = re.compile(r"new (?:thread|future)s?\b")


class SliceError(UserError):
    """A slice that is absent or damaged, which a volume with gaps may skip."""


def reading(file: object, read: Callable[[], T], rule: str) -> T:
    """Read something from a file, converting errors of every kind but MemoryError to UserError.

    Parameters
    ----------
    file
        Name of the file in messages.
    read
        Opens and reads the file; called again if the file is not accessible.
    rule
        Beginning of the message for damaged content: what must hold.

    Raises
    ------
    SliceError
        If the file is absent or its content is damaged.
    UserError
        If the file is still not accessible after some seconds.
    """
    waits = iter(WAITS_S)
    while True:
        try:
            return read()
        except (UserError, MemoryError):
            raise
        except Exception as error:
            code = error.errno if isinstance(error, OSError) else None
            if code in ABSENT:
                raise SliceError(f"{file} is missing.") from error
            if isinstance(error, ImportError):  # a codec is missing: the file is not damaged
                raise unreadable(file, error) from error
            if code in CONTENT and not _is_of_python(error):
                reason = " ".join(str(error).split())[:150] or type(error).__name__
                raise SliceError(f"{rule}, but {file} cannot be read as one ({reason}).") from error
            wait = None if code in FOREVER else next(waits, None)
            if wait is None:
                raise unreadable(file, error) from error
            time.sleep(wait)


def _is_of_python(error: Exception) -> bool:
    """Whether Python could not start a thread for reading; decoders never raise this error."""
    return type(error) is RuntimeError and OF_PYTHON.search(str(error)) is not None


def unreadable(file: object, error: BaseException) -> UserError:
    """Return the error for a file that the system cannot read."""
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    named = getattr(error, "filename", None) or file
    return UserError(f"files must be readable, but {named} is not ({reason}).")


FileKind = Literal["file", "folder", "absent"]


def kind_of(file: File) -> FileKind:
    """Return the kind of a path, following links but not opening it, as some files block.

    Raises
    ------
    UserError
        If it is a device, a pipe or a socket, or cannot be examined.
    """
    if isinstance(file, zipfile.Path):
        return "folder" if file.is_dir() else "file" if file.exists() else "absent"
    try:
        mode = reading(file, lambda: file.stat().st_mode, "")
    except SliceError:
        return "absent"
    if stat.S_ISDIR(mode):
        return "folder"
    if not stat.S_ISREG(mode):
        kind = "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
        raise UserError(f"an input must be a file or a folder, but {file} is a {kind}.")
    return "file"


def absence(file: File) -> str:
    """Describe how a path is absent: it does not exist, or is a broken link."""
    if isinstance(file, Path) and file.is_symlink():
        return f"{file} is a link to {file.readlink()}, which leads nowhere"
    return f"{file} is not there"


def read_bytes(file: File, rule: str, count: int = -1) -> bytes:
    """Return the first ``count`` bytes of a file, or all; raises as :func:`reading` does."""

    def read() -> bytes:
        with open_bytes(file) as stream:
            return stream.read(count)

    return reading(file, read, rule)


def open_bytes(file: File) -> IO[bytes]:
    """Open a regular file for reading.

    Raises
    ------
    SliceError
        If it is absent or a folder.
    """
    kind = kind_of(file)
    if kind != "file":
        raise SliceError(f"{file} is a folder." if kind == "folder" else f"{absence(file)}.")
    return file.open("rb")
