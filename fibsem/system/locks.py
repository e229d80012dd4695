"""One process at a time: locks that end with the process, and what stands for them elsewhere.

Where a file system has no locks, a file is created that nobody else can create, and touched every
few seconds. One that was silent for a minute, by the clock of the file system, is taken over.
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

#: A file system without locks.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
#: Seconds between two signs of life of an owner, and of silence after which it is given up.
BEAT_S, SILENCE_S = 10.0, 60.0
#: Seconds between two looks of one that waits.
POLL_S = 0.2


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is in here with the same lock file; ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _open(path) as file:
        if _lock(file.fileno(), fcntl.LOCK_EX):
            yield
            return
    while not (token := _create(path)):
        time.sleep(POLL_S)
    with _owning(path, token):
        yield


@contextmanager
def sole(path: Path, refusal: UserError, *, shared: bool = False) -> Iterator[None]:
    """Refuse to be here while another process is, with the same lock file.

    Those that are here ``shared`` refuse only one that is not. Where there are no locks, nothing is
    shared: they refuse nobody.
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
    """Be the one process at work in an output folder; what a killed one was writing is removed.

    Parameters
    ----------
    folder
        Made where it is not there.
    shared
        For work that several processes do together.

    Raises
    ------
    UserError
        If another process is at work in it, or it cannot be written to.
    """
    make_folder(folder)
    with sole(folder / ".lock", taken(folder), shared=shared):
        remove_leftovers(folder)
        yield


def make_folder(folder: Path) -> None:
    """Make the folder of the results, where it is not there.

    Raises
    ------
    UserError
        If it is a file, or a folder of someone else.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> UserError:
    """What is said of a folder that the system does not let us write to."""
    return UserError(
        f"`output` must be a folder that can be written to, but {folder} is not ({error.strerror})."
    )


def taken(folder: Path) -> UserError:
    """What the second of two processes in one folder is told."""
    return UserError(
        f"`output` must be free, but another process is at work in {folder}; the choices are to "
        "wait for it or another output."
    )


def _open(path: Path) -> IO[bytes]:
    """Open a lock file for reading and writing.

    Over NFS, Linux locks the bytes of the file instead: shared only what is open for reading, alone
    only what is open for writing.
    """
    return path.open("a+b")


def _lock(file: int, operation: int) -> bool:
    """Lock a file; False where there are no locks."""
    try:
        fcntl.flock(file, operation)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True


# without locks


def _owner(path: Path) -> Path:
    return path.with_name(f"{path.name}.owner")


def _create(path: Path) -> str | None:
    """Create the owner's file of a lock: its token, or None while another process has it."""
    token = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(8)}"
    with suppress(FileExistsError), _owner(path).open("x") as file:
        file.write(token)
        return token
    silent = _silent_owner(path)
    if silent is None or not _take_away(path, silent):
        return None
    return _create(path)


def _silent_owner(path: Path) -> str | None:
    """Token of an owner without a sign of life for long, by the clock that dates its file.

    Read before the date: what another process puts in its place meanwhile is young.
    """
    with folder_beside(path) as probe, suppress(FileNotFoundError):
        token = _owner(path).read_text()
        if probe.stat().st_mtime - _owner(path).stat().st_mtime > SILENCE_S:
            return token
    return None


def _take_away(path: Path, token: str) -> bool:
    """Remove the file of a silent owner; of several processes only one does it."""
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
    """Give signs of life, and remove the owner's file at the end."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_S):
            with suppress(OSError):  # the file system may be away for a moment
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
    """Whether the lock is another one's by now: this process was stopped for too long."""
    with suppress(OSError):
        return _owner(path).read_text() != token
    return False
