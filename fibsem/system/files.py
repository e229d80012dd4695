"""Write files atomically, and report a damaged one in a one-line error."""

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

#: Error numbers of a full disk, an exhausted quota, and a file beyond the size limit.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Names of unfinished files: of this package and of Zarr.
TEMPORARY = re.compile(r"\.tmp-[0-9a-f]{12}-.+|.+\.[0-9a-f]{32}\.partial")
#: Age in seconds after which an unfinished file that cannot be locked counts as abandoned.
FORGOTTEN_S = 86_400.0

T = TypeVar("T")


def replace_file(path: Path, content: bytes | str) -> None:
    """Write a file atomically by a rename: a reader sees the old file or the new one.

    Raises
    ------
    UserError
        If the disk is full; the old file stays.

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
    """Yield the path of a new file that is synced and renamed to ``path`` if the block succeeds.

    Its random name keeps the extension, by which libraries recognise formats. It is locked while
    it is written, so that :func:`remove_leftovers` removes only files of killed processes.
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
    """Create a locked file beside ``path``; return its path and the descriptor holding the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return _held(path, _new_file)


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Yield a new, locked folder beside ``path``; it is removed unless the block moves it."""
    with room_for(path), _folder_beside(path) as hidden:
        yield hidden


@contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """Yield a new folder as `folder_beside` does, for work whose results lie on other disks, too.

    A full disk during the work is therefore not reported as the disk of the folder.
    """
    with _folder_beside(path) as hidden:
        yield hidden


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden, held = _held(path, _new_folder)
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        os.close(held)


def replace_folder(path: Path, new: Path) -> None:
    """Rename a folder to ``path``, and remove the folder that was there."""
    if not path.exists():
        new.rename(path)
        return
    former = _temporary(path)
    path.rename(former)
    new.rename(path)
    shutil.rmtree(former)


def _temporary(path: Path) -> Path:
    """Return a unique temporary path beside ``path``."""
    return path.with_name(f".tmp-{secrets.token_hex(6)}-{path.name[-200:]}")


def _held(path: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    """Create a temporary file or folder beside ``path`` and lock it."""
    while True:
        hidden = _temporary(path)
        held = make(hidden)
        with suppress(OSError):  # without locks, leftovers are recognised by their age
            fcntl.flock(held, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):  # removed as a leftover before it was locked
            if os.path.samestat(hidden.stat(), os.fstat(held)):
                return hidden, held
        os.close(held)


def _new_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def _new_folder(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY)


def remove_leftovers(
    folder: Path, *, deep: bool = True, in_use: Callable[[Path], bool] = lambda _: False
) -> None:
    """Remove temporary files and folders that killed processes have left.

    Zarr's temporary files are not locked while they are written: no other process may be at work
    in the folder.

    Parameters
    ----------
    folder
        Folder of the files.
    deep
        Whether its subfolders are searched, too.
    in_use
        Returns whether another process is at work in a subfolder, whose files then stay.
    """
    for path in list(_temporaries(folder, deep)):
        between = (folder / name for name in path.relative_to(folder).parents)
        if any(parent != folder and in_use(parent) for parent in between):
            continue
        with suppress(OSError):  # removed in the meantime, or without permission
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
    """Return whether a temporary file is unlocked or, on a system without locks, old.

    A shared lock is enough to find out, and over NFS a file open for reading can get no other.
    """
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - os.fstat(held).st_mtime > FORGOTTEN_S
    return True


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_own(folder: Path, patterns: Iterable[str]) -> None:
    """Remove the files of a folder that match the patterns, and matching folders that are empty.

    Other files stay, and so do the folders that contain them.
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
    """Turn the error of a full disk into a :class:`UserError`."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise UserError(
            f"the disk must have room for {path}, but it is full ({error.strerror})."
        ) from error


def synchronise(path: Path) -> None:
    """Flush a file's content to the disk, so that it survives a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_json(path: Path, record: object, *, again: bool = True) -> None:
    """Write a record atomically as indented JSON; NaN and infinities become null.

    Parameters
    ----------
    path, record
        The file and its content.
    again
        If False, a file that already has this content keeps its modification time.

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
    """Return a record unchanged; accepts any record."""
    return record


def read_json(path: Path, of: Callable[[Any], T] = as_it_is, *, remedy: str = "") -> T:
    """Read a file of :func:`write_json`.

    Parameters
    ----------
    path
        An existing file.
    of
        Converts the record to a value; raises ``ValueError`` for a record that does not fit.
    remedy
        What the user can do about a damaged file, as the end of the sentence.

    Raises
    ------
    UserError
        If the file is damaged: incomplete, empty, or without a fitting record.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "figures.json"
    ...     write_json(path, {"miou": 0.75})
    ...     read_json(path, of=lambda record: record["miou"])
    0.75
    """
    if not (path.is_file() or path.is_dir()) and path.exists():  # reading a pipe would block
        wayout = f"; {remedy}" if remedy else ""
        raise UserError(f"a record must be a file, but {path} is a pipe or a device{wayout}.")
    try:
        return of(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:  # from JSON, UTF-8 or `of`
        reason = " ".join(str(error).split())[:200]
        remedy = f"; {remedy}" if remedy else ""
        text = f"a record must be whole, but {path} is damaged ({reason}){remedy}."
        raise UserError(text) from error


def known_json(path: Path, of: Callable[[Any], T] = as_it_is) -> T | None:
    """Read a file of :func:`write_json`; None if it does not exist, or (with a warning) is damaged.

    Parameters
    ----------
    path
        A file that may exist.
    of
        Converts the record to a value; raises ``ValueError`` for a record that does not fit.

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
    """Return SQLite's complaint about a damaged database, or None if it is intact or missing."""
    if not database.is_file():
        return None
    try:
        with closing(sqlite3.connect(database, timeout=60)) as connection:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if answer == "ok" else " ".join(str(answer).split())[:100]


def _finite(value: Any) -> Any:
    """Replace NaN and infinities by None: JSON has neither, and other parsers refuse them."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if hasattr(value, "item") and not hasattr(value, "__len__"):
        value = value.item()
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
