"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fibsem.errors import UserError
from fibsem.system.secrets import in_record

#: A full disk, a quota that is used up, a file that grows beyond what is allowed.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: A file system without locks.
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def replace_file(path: Path, content: bytes | str) -> None:
    """Write beside ``path``, then rename over it: a reader sees the old file or the new one.

    Raises
    ------
    UserError
        If the disk is full; what was there before stays.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    data = in_record(content).encode() if isinstance(content, str) else content
    try:
        with room_for(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A path for libraries that write files themselves; renamed to ``path`` if nothing went wrong.

    The name keeps its extension, by which Keras knows its formats.
    """
    hidden = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with room_for(path):
            yield hidden
            hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Turn a full disk into an error that the user can mend."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise UserError(
            f"the disk must have room for {path}, but it is full ({error.strerror})."
        ) from error


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is in here with the same lock file; ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def sole(path: Path, refusal: UserError) -> Iterator[None]:
    """Refuse to be here while another process is, with the same lock file.

    Where the file system knows no locks nothing is refused.
    """
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise refusal from error
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        yield


def synchronise(path: Path) -> None:
    """Return when a file's content is on the disk, also for a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_json(path: Path, record: object) -> None:
    """Write a record as indented JSON, whole or not at all; numbers that are none become null."""
    replace_file(
        path, json.dumps(_finite(in_record(record)), indent=2, default=str, allow_nan=False) + "\n"
    )


def read_json(path: Path) -> Any:
    """Read what :func:`write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: readers in other languages choke on them."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
