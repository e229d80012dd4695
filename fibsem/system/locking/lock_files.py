"""Locks on file systems without locks: a file that its holder touches every few seconds.

Whoever creates the owner file of a lock holds it. If the file was not touched for a minute, by the
file system's clock, another process takes the lock over: it creates a file that is named after the
content of the former one, which only one of several processes can do. So the files form a chain,
and the last one holds the lock. A process may be killed at any point of this.

Those who share a lock create a file each. They and an owner exclude each other, since each creates
its own file before it looks for those of others.
"""

from __future__ import annotations

import _thread
import glob
import hashlib
import os
import secrets
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fibsem.errors import UserError
from fibsem.system.files import folder_beside
from fibsem.system.threads import start_beside

#: Seconds between two touches by a holder, and of silence after which its lock is taken over.
BEAT_S, SILENCE_S = 10.0, 60.0


@dataclass(frozen=True)
class Hold:
    """A lock that a process holds.

    Attributes
    ----------
    path
        Path of the lock.
    file, token
        File of the holder, and its content.
    shared
        Whether other processes may hold the lock, too.
    """

    path: Path
    file: Path
    token: str
    shared: bool = False

    @property
    def next(self) -> Path:
        """File of the process that takes the lock over from this holder."""
        return _owner(self.path, hashlib.sha256(self.token.encode()).hexdigest()[:16])

    @property
    def is_lost(self) -> bool:
        """Whether another process took the lock over, after this one was suspended too long."""
        if self.shared:
            holds = self.file.exists()
        else:
            holds = _chain(self.path)[-1:] == [self] and not _is_shared(self.path)
        return not holds and self.path.exists()

    @property
    def is_silent(self) -> bool:
        """Whether the holder has not touched its file for too long."""
        with folder_beside(self.path) as probe, suppress(FileNotFoundError):
            return probe.stat().st_mtime - self.file.stat().st_mtime > SILENCE_S
        return False

    def release(self) -> None:
        """Remove the files of this holder, unless the lock is lost."""
        chain = [self] if self.shared else _chain(self.path)
        if chain[-1:] == [self]:
            for hold in chain:  # without its first file a lock is free
                hold.file.unlink(missing_ok=True)


def exclusive(path: Path) -> Hold | None:
    """Take a lock that nobody holds, or whose holder is silent; None if another process has it."""
    chain = _chain(path)
    if chain and not chain[-1].is_silent:
        return None
    hold = _create(path, chain[-1].next if chain else _owner(path))
    if hold is not None and hold.is_lost:  # the lock is shared, or was released meanwhile
        hold.file.unlink(missing_ok=True)
        return None
    return hold


def shared(path: Path) -> Hold | None:
    """Take a lock that nobody holds alone, beside others; None if another process has it alone."""
    if is_owned(path):
        return None
    hold = _create(path, path.with_name(f"{path.name}.shared-{secrets.token_hex(8)}"), shared=True)
    if hold is not None and is_owned(path):
        hold.file.unlink(missing_ok=True)
        return None
    return hold


def is_owned(path: Path) -> bool:
    """Return whether a process that is not silent holds a lock alone."""
    chain = _chain(path)
    return bool(chain) and not chain[-1].is_silent


@contextmanager
def holding(hold: Hold) -> Iterator[None]:
    """Touch the file of a lock regularly, and release the lock at the end.

    The process is interrupted if it loses the lock.
    """
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT_S):
            with suppress(OSError, UserError):  # the file system may be unavailable for a moment
                if not hold.is_lost:
                    os.utime(hold.file)
                elif not done.is_set():
                    folder = hold.path.parent
                    print(f"error: another process has taken {folder} over", file=sys.stderr)
                    _thread.interrupt_main()
                    return

    thread = start_beside(beat)
    try:
        yield
    finally:
        done.set()
        thread.join()
        with suppress(OSError):  # a lock that stays is taken over after a while
            hold.release()


def _owner(path: Path, after: str = "") -> Path:
    """Return the first file of a lock, or the one that comes ``after`` another."""
    return path.with_name(f"{path.name}.owner{'-' * bool(after)}{after}")


def _is_shared(path: Path) -> bool:
    """Return whether processes share a lock; those that are silent lose it."""
    for file in path.parent.glob(f"{glob.escape(path.name)}.shared-*"):
        if not Hold(path, file, "", shared=True).is_silent:
            return True
        file.unlink(missing_ok=True)
    return False


def _create(path: Path, file: Path, *, shared: bool = False) -> Hold | None:
    """Create the file of a holder; None if another process has created it."""
    token = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(8)}"
    with suppress(FileExistsError), file.open("x") as opened:
        opened.write(token)
        return Hold(path, file, token, shared)
    return None


def _chain(path: Path) -> list[Hold]:
    """Return the holders of a lock, in the order in which they took it over from each other."""
    chain: list[Hold] = []
    file = _owner(path)
    with suppress(FileNotFoundError):
        while True:
            # name and time stand for the token that a killed process did not write
            token = file.read_text() or f"{file.name} {file.stat().st_mtime_ns}"
            chain.append(Hold(path, file, token))
            file = chain[-1].next
    return chain
