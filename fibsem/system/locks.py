"""Locks between processes that end with the process, also on file systems without locks."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fibsem.errors import UserError
from fibsem.system.files import remove_leftovers
from fibsem.system.locking import lock_files

#: Error numbers of a file system without locks.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
#: Seconds between two attempts of a waiting process.
POLL_S = 0.2


@contextmanager
def alone(path: Path, *, busy: str = "") -> Iterator[None]:
    """Wait for an exclusive lock on a file; it is released with the block or with the process.

    ``busy`` is a line that is printed if another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _open(path) as file:
        if _wait(file.fileno(), busy):
            yield
            return
    while (hold := lock_files.exclusive(path)) is None:
        if busy:
            print(busy, flush=True)
            busy = ""  # once
        time.sleep(POLL_S)
    with lock_files.holding(hold):
        yield


@contextmanager
def sole(path: Path, refusal: UserError, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock on a file, or raise ``refusal`` at once if another process holds it.

    Several processes may hold a ``shared`` lock, which excludes only exclusive ones.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with _open(path) as file:
        try:
            locked = _lock(file.fileno(), kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise refusal from error
        if locked:
            yield
            return
    hold = lock_files.shared(path) if shared else lock_files.exclusive(path)
    if hold is None:
        raise refusal
    with lock_files.holding(hold):
        yield


@contextmanager
def at_work(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Lock an output folder, and remove the unfinished files that a killed process has left.

    Unfinished files in a subfolder stay if another process is at work there.

    Parameters
    ----------
    folder
        Created if it does not exist.
    shared
        Whether several processes work in the folder together.

    Raises
    ------
    UserError
        If another process is at work in the folder, or it cannot be written to.
    """
    make_folder(folder)
    with sole(folder / ".lock", taken(folder), shared=shared):
        remove_leftovers(folder, in_use=_in_use)
        yield


def _in_use(folder: Path) -> bool:
    """Return whether a process is at work in a folder, alone: those who share it lock each file."""
    path = folder / ".lock"
    if not path.is_file():
        return False
    try:
        with _open(path) as file:
            return not _lock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB) and (
                lock_files.is_owned(path)
            )
    except OSError:  # the file is locked, or belongs to another user
        return True


def make_folder(folder: Path) -> None:
    """Create the output folder if it does not exist, and check that it can be written to.

    Raises
    ------
    UserError
        If the path is a file, or a folder without write permission.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> UserError:
    """Return the error for an output folder that cannot be written to."""
    return UserError(
        f"`output` must be a folder that can be written to, but {folder} is not ({error.strerror})."
    )


def taken(folder: Path) -> UserError:
    """Return the error for an output folder in which another process is at work."""
    return UserError(
        f"`output` must be free, but another process is at work in {folder}; the choices are to "
        "wait for it or another output."
    )


def _open(path: Path) -> IO[bytes]:
    """Open a lock file for reading and writing.

    Over NFS, Linux locks byte ranges instead: a shared lock needs a file open for reading, an
    exclusive one a file open for writing. A file that exists is not opened as if to create it: in a
    folder for everybody, Linux refuses that for files of other users.
    """

    def opener(name: str, flags: int) -> int:
        with suppress(FileNotFoundError):
            return os.open(name, flags & ~os.O_CREAT)
        return os.open(name, flags, 0o666)

    return open(path, "a+b", opener=opener)


def _lock(file: int, operation: int) -> bool:
    """Lock a file; return False if the file system has no locks."""
    try:
        fcntl.flock(file, operation)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True


def _wait(file: int, busy: str) -> bool:
    """Lock a file exclusively, after printing ``busy`` if it is locked; False without locks."""
    try:
        return _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if busy:
            print(busy, flush=True)
    return _lock(file, fcntl.LOCK_EX)
