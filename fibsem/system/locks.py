"""Locks between processes that end with the process, with a fallback for systems without them.

On a file system without locks, the owner exclusively creates a file and touches it every few
seconds. A lock whose file was not touched for a minute, by the file system's clock, is taken over.
"""

from __future__ import annotations

import _thread
import errno
import fcntl
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fibsem.errors import UserError
from fibsem.system.files import folder_beside, remove_leftovers
from fibsem.system.threads import start_beside

#: Error numbers of a file system without locks.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
#: Seconds between two touches by an owner, and of silence after which its lock is taken over.
BEAT_S, SILENCE_S = 10.0, 60.0
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
    while not (token := _create(path)):
        if busy:
            print(busy, flush=True)
            busy = ""  # once
        time.sleep(POLL_S)
    with _owning(path, token):
        yield


@contextmanager
def sole(path: Path, refusal: UserError, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock on a file, or raise ``refusal`` at once if another process holds it.

    Several processes may hold a ``shared`` lock, which excludes only exclusive ones. On a file
    system without locks, a ``shared`` lock is not taken.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with _open(path) as file:
        try:
            locked = _lock(file.fileno(), kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise refusal from error
        if locked or shared:
            yield
            return
    token = _create(path)
    if not token:
        raise refusal
    with _owning(path, token):
        yield


@contextmanager
def at_work(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Lock an output folder, and remove the unfinished files that a killed process has left.

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
        remove_leftovers(folder)
        yield


def make_folder(folder: Path) -> None:
    """Create the output folder if it does not exist, and check that it can be written to.

    Raises
    ------
    UserError
        If it is a file, or a folder without write permission.
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
    exclusive one a file open for writing.
    """
    return path.open("a+b")


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


# fallback without locks


def _owner(path: Path) -> Path:
    return path.with_name(f"{path.name}.owner")


def _create(path: Path) -> str | None:
    """Create the owner file of a lock; return its token, or None if another process holds it."""
    token = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(8)}"
    with suppress(FileExistsError), _owner(path).open("x") as file:
        file.write(token)
        return token
    silent = _silent_owner(path)
    if silent is None or not _take_away(path, silent):
        return None
    return _create(path)


def _silent_owner(path: Path) -> str | None:
    """Return the token of an owner that is silent for too long by the file system's clock, or None.

    The token is read before the date: a file that replaces it in between has a recent date.
    """
    with folder_beside(path) as probe, suppress(FileNotFoundError):
        token = _owner(path).read_text()
        if probe.stat().st_mtime - _owner(path).stat().st_mtime > SILENCE_S:
            return token
    return None


def _take_away(path: Path, token: str) -> bool:
    """Remove the file of a silent owner; return True in only one of several processes."""
    with suppress(FileNotFoundError, FileExistsError):
        once = path.with_name(f"{path.name}.{token.rpartition(' ')[2]}")
        with once.open("x"):
            pass
        if _owner(path).read_text() == token:
            _owner(path).unlink()
        once.unlink()
        return True
    return False


@contextmanager
def _owning(path: Path, token: str) -> Iterator[None]:
    """Touch the owner file regularly, and remove it at the end."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_S):
            with suppress(OSError):  # the file system may be unavailable for a moment
                if _owner(path).read_text() == token:
                    os.utime(_owner(path))
                    continue
            if not done.is_set() and _lost(path, token):
                print(f"error: another process has taken {path.parent} over", file=sys.stderr)
                _thread.interrupt_main()
                return

    thread = start_beside(beat)
    try:
        yield
    finally:
        done.set()
        thread.join()
        if not _lost(path, token):
            _owner(path).unlink(missing_ok=True)


def _lost(path: Path, token: str) -> bool:
    """Return whether another process took the lock over, after this one was suspended too long."""
    with suppress(OSError):
        return _owner(path).read_text() != token
    return False
