"""Files that appear whole or not at all; what is damaged in one is said in one line."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from fibsem.errors import UserError
from fibsem.system.secrets import in_record

#: A full disk, a quota that is used up, a file that grows beyond what is allowed.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Names of what is not whole yet: ours, whoever else writes beside the same file, and Zarr's.
TEMPORARY = re.compile(r"\.tmp-[0-9a-f]{12}-.+|.+\.[0-9a-f]{32}\.partial")
#: Age in seconds from which on nobody is at work any more on a file that cannot be locked.
FORGOTTEN_S = 86_400.0

T = TypeVar("T")


def replace_file(path: Path, content: bytes | str) -> None:
    """Write beside ``path``, then rename over it: a reader sees the old file or the new one.

    Raises
    ------
    UserError
        If the disk is full; what was there before stays.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     replace_file(Path(folder) / "note.txt", "one line")
    ...     replace_file(Path(folder) / "note.txt", "another line")
    ...     (Path(folder) / "note.txt").read_text()
    'another line'
    """
    data = in_record(content).encode() if isinstance(content, str) else content
    with beside(path) as hidden:
        hidden.write_bytes(data)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A new file that is renamed to ``path``, once it is on the disk, if nothing went wrong.

    Its random name keeps the extension, by which libraries know their formats, and it is locked as
    long as somebody writes it: :func:`remove_leftovers` takes only what a kill has left.
    """
    with room_for(path):
        hidden, held = new_beside(path)
        try:
            yield hidden
            os.fsync(held)
            hidden.replace(path)
        finally:
            hidden.unlink(missing_ok=True)
            os.close(held)


def new_beside(path: Path) -> tuple[Path, int]:
    """A new file beside ``path``, and the number that holds its lock until it is closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return _held(path, _new_file)


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """A new folder beside ``path``, locked while it is filled, and removed if nobody moves it."""
    with room_for(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden, held = _held(path, _new_folder)
        try:
            yield hidden
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
            os.close(held)


def replace_folder(path: Path, new: Path) -> None:
    """Rename a folder to ``path``; what was there, is removed."""
    if not path.exists():
        new.rename(path)
        return
    former = _temporary(path)
    path.rename(former)
    new.rename(path)
    shutil.rmtree(former)


def _temporary(path: Path) -> Path:
    """A name beside ``path`` that nobody else has."""
    return path.with_name(f".tmp-{secrets.token_hex(6)}-{path.name[-200:]}")


def _held(path: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    """Something new beside ``path`` that is locked."""
    while True:
        hidden = _temporary(path)
        held = make(hidden)
        with suppress(OSError):  # without locks its age tells
            fcntl.flock(held, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):  # taken for a leftover before it was locked
            if os.path.samestat(hidden.stat(), os.fstat(held)):
                return hidden, held
        os.close(held)


def _new_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def _new_folder(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY)


def remove_leftovers(folder: Path, *, deep: bool = True) -> None:
    """Remove temporary files and folders that nobody writes any more: a kill left them.

    Those of Zarr cannot be told from what is being written: nobody else may be at work there.
    """
    for path in list(_temporaries(folder, deep)):
        with suppress(OSError):  # gone meanwhile, or not ours to remove
            held = os.open(path, os.O_RDONLY)
            try:
                if _forgotten(held):
                    remove(path)
            finally:
                os.close(held)


def _temporaries(folder: Path, deep: bool) -> Iterator[Path]:
    for home, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if TEMPORARY.fullmatch(name):
                yield Path(home, name)
        folders[:] = [name for name in folders if deep and not TEMPORARY.fullmatch(name)]


def _forgotten(held: int) -> bool:
    """Whether nobody has a temporary file locked; where there are no locks, whether it is old.

    A shared lock asks as well, and over NFS it is the one that a file open for reading can have.
    """
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - os.fstat(held).st_mtime > FORGOTTEN_S
    return True


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_own(folder: Path, patterns: Iterable[str]) -> None:
    """Remove the files of a folder that match, and then the sub-folders that are empty.

    What others have put there stays, and so does what it lies in.
    """
    for pattern in patterns:
        for path in sorted(folder.glob(pattern), reverse=True):
            if path.is_symlink() or not path.is_dir():
                path.unlink(missing_ok=True)
                continue
            with suppress(OSError):  # not empty
                path.rmdir()


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


def synchronise(path: Path) -> None:
    """Return when a file's content is on the disk, also for a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_json(path: Path, record: object, *, again: bool = True) -> None:
    """Write a record as indented JSON, whole or not at all; numbers that are none become null.

    Parameters
    ----------
    path, record
        The file, and what it says then.
    again
        False: a file that says the same already is left as it is, with its time.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_json(Path(folder) / "figures.json", {"miou": float("nan")})
    ...     read_json(Path(folder) / "figures.json")
    {'miou': None}
    """
    plain = _finite(in_record(record))
    text = json.dumps(plain, indent=2, default=str, allow_nan=False) + "\n"
    if again or not path.is_file() or path.read_bytes() != text.encode():
        replace_file(path, text)


def as_it_is(record: Any) -> Any:
    """Any record at all."""
    return record


def read_json(path: Path, of: Callable[[Any], T] = as_it_is, *, remedy: str = "") -> T:
    """Read what :func:`write_json` wrote.

    Parameters
    ----------
    path
        That is there.
    of
        Makes a value of the record; a ``ValueError`` says what of it cannot be.
    remedy
        What the user can do about a damaged one, as the end of the sentence.

    Raises
    ------
    UserError
        If it is damaged: half, empty, or not what was written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "figures.json"
    ...     write_json(path, {"miou": 0.75})
    ...     read_json(path, of=lambda record: record["miou"])
    0.75
    """
    if not (path.is_file() or path.is_dir()) and path.exists():  # a pipe would never answer
        wayout = f"; {remedy}" if remedy else ""
        raise UserError(f"a record must be a file, but {path} is a pipe or a device{wayout}.")
    try:
        return of(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:  # of JSON, of UTF-8 and of the record
        reason = " ".join(str(error).split())[:200]
        remedy = f"; {remedy}" if remedy else ""
        text = f"a record must be whole, but {path} is damaged ({reason}){remedy}."
        raise UserError(text) from error


def known_json(path: Path, of: Callable[[Any], T] = as_it_is) -> T | None:
    """What was written, or None: where nothing is there, or it is damaged and made again.

    Parameters
    ----------
    path
        That may be there.
    of
        Makes a value of the record; a ``ValueError`` says what of it cannot be.

    Examples
    --------
    >>> known_json(Path("no/such/file.json")) is None
    True
    """
    try:
        return read_json(path, of, remedy="it is made again")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UserError as error:
        print(f"warning: {error}", file=sys.stderr)
        return None


def damage_of(database: Path) -> str | None:
    """What SQLite finds wrong with a database; None of one that is whole, or not there."""
    if not database.is_file():
        return None
    try:
        with closing(sqlite3.connect(database, timeout=60)) as connection:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if answer == "ok" else " ".join(str(answer).split())[:100]


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
