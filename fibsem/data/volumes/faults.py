"""Why a file cannot be read: it is absent, its content is bad, or it was not to be had just now.

A volume with gaps leaves out slices of the first two kinds. Of the third nothing is known, so they
are tried again, and then end the work: a flaw of a disk or a server must not pass for a lost slice.
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

#: Seconds before each further try.
WAITS_S = (0.1, 0.5, 2.0)
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
#: What trying again does not change.
FOREVER = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENAMETOOLONG)
#: Errors of programs, of which some are an OSError, and of places that a damaged header names.
CONTENT = (None, errno.EINVAL, errno.EOVERFLOW)
#: What Python says where a process may have no more threads, or ends.
OF_PYTHON = re.compile(r"new (?:thread|future)s?\b")


class SliceError(UserError):
    """A slice that is absent or whose content is bad: what a volume with gaps may leave out."""


def reading(file: object, read: Callable[[], T], rule: str) -> T:
    """Read something of a file; damaged files raise errors of every kind.

    Parameters
    ----------
    file
        As messages call it.
    read
        Opens and reads; it is called again where the file could not be had.
    rule
        What must hold, and does not where the content is bad.

    Raises
    ------
    SliceError
        If the file is absent or its content is bad.
    UserError
        If the system does not give it, now and after some seconds.
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
            if isinstance(error, ImportError):  # of a codec: nothing is wrong with the file
                raise unreadable(file, error) from error
            if code in CONTENT and not _is_of_python(error):
                reason = " ".join(str(error).split())[:150] or type(error).__name__
                raise SliceError(f"{rule}, but {file} cannot be read as one ({reason}).") from error
            wait = None if code in FOREVER else next(waits, None)
            if wait is None:
                raise unreadable(file, error) from error
            time.sleep(wait)


def _is_of_python(error: Exception) -> bool:
    """Whether Python had no thread to read with: no decoder raises the plain error of that."""
    return type(error) is RuntimeError and OF_PYTHON.search(str(error)) is not None


def unreadable(file: object, error: BaseException) -> UserError:
    """What a user is told of a file that the system does not give."""
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    named = getattr(error, "filename", None) or file
    return UserError(f"files must be readable, but {named} is not ({reason}).")


FileKind = Literal["file", "folder", "absent"]


def kind_of(file: File) -> FileKind:
    """What is at a path, links followed, without opening it: some things never answer.

    Raises
    ------
    UserError
        If it is a device, a pipe or a socket, or the system does not say.
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
    """How a path is absent: not at all there, or a link without an end."""
    if isinstance(file, Path) and file.is_symlink():
        return f"{file} is a link to {file.readlink()}, which leads nowhere"
    return f"{file} is not there"


def read_bytes(file: File, rule: str, count: int = -1) -> bytes:
    """The first so many bytes of a file, or all of them; fails as :func:`reading` does."""

    def read() -> bytes:
        with open_bytes(file) as stream:
            return stream.read(count)

    return reading(file, read, rule)


def open_bytes(file: File) -> IO[bytes]:
    """Open a file for reading; nothing but a file is opened.

    Raises
    ------
    SliceError
        If it is absent, or a folder.
    """
    kind = kind_of(file)
    if kind != "file":
        raise SliceError(f"{file} is a folder." if kind == "folder" else f"{absence(file)}.")
    return file.open("rb")
