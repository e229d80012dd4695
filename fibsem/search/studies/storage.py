"""Open storages of Optuna, add the locks that Optuna relies on, and translate errors."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from fibsem.errors import LostError, OutageError, UserError, first_line
from fibsem.search.studies.journal import Journal
from fibsem.system.addresses import as_url, database_file, hidden, is_address
from fibsem.system.home import home_path
from fibsem.system.identity import Identity
from fibsem.system.interrupts import uninterrupted
from fibsem.system.locks import alone
from fibsem.system.records import typed

#: Key of an advisory lock in PostgreSQL; any otherwise unused number.
LAYOUT = 0x66696273656D
#: SQLite waits a minute for another worker's write, and begins no transaction by itself.
SQLITE: dict[str, object] = {"connect_args": {"timeout": 60, "isolation_level": None}}
#: A PostgreSQL server may drop connections between two trials, or vanish without closing them.
POSTGRESQL: dict[str, object] = {
    "pool_pre_ping": True,
    "connect_args": {
        "connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10,
        "keepalives_count": 3, "tcp_user_timeout": 60_000,
    },
}  # fmt: skip


def open_storage(url: str | None, folder: Path) -> BaseStorage:
    """Open ``search.storage``: a database, ``journal:PATH`` for shared folders, or study.db here.

    Raises
    ------
    UserError
        If the storage cannot be reached, or its driver is missing.

    Examples
    --------
    ```python
    storage = open_storage(None, Path("outputs/sweep/NAME"))
    optuna.load_study(study_name=storage.get_all_studies()[0].study_name, storage=storage)
    ```
    """
    address = url or f"sqlite:///{folder / 'study.db'}"
    try:
        return _open(address)
    except ImportError as error:
        raise UserError(
            f"`search.storage={hidden(address)}` needs a database driver that is not installed "
            f"({error.name}); pip install fibsem-sweep[postgres] has that of PostgreSQL."
        ) from error
    except Exception as error:  # the drivers have no common class
        raise UserError(
            "`search.storage` must be sqlite:///PATH, journal:PATH or postgresql://..., reachable "
            f"from here, but {hidden(address)} answers: {first_line(error)}"
            + ("" if url else "; overwrite=true begins the sweep anew.")
        ) from error


def _open(address: str) -> BaseStorage:
    if address.startswith("journal:"):
        path = home_path(address.removeprefix("journal:").removeprefix("//"))
        if is_address(address.removeprefix("journal:")):
            raise ValueError("a journal is a file of this machine.")
        if path.exists() and not path.is_file():
            raise ValueError(f"{path} is no file.")
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(Journal(path))
    options: dict[str, object] = {}
    url, sqlite = as_url(address), address.startswith("sqlite:")
    if sqlite:
        options = SQLITE
    elif url.startswith("postgresql"):
        url = re.sub("^postgresql:", "postgresql+psycopg:", url)
        options = POSTGRESQL
    with _alone_with(url, database_file(address)):
        storage = RDBStorage(url, engine_kwargs=options)
    if sqlite:
        event.listen(storage.engine, "begin", _take_the_lock)
    return storage


def _take_the_lock(connection: Connection) -> None:
    """Begin a transaction with SQLite's write lock.

    Optuna reads a trial's state, FOR UPDATE, before it changes it. SQLite ignores the clause, so
    two workers could both read 'waiting' and change it to 'running'.
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextlib.contextmanager
def _alone_with(url: str, file: Path | None) -> Iterator[None]:
    """Hold a lock while the tables of a new database are created.

    If two processes create a table at once, one gets an error, even if both checked before.
    """
    if file is not None and file.parent.is_dir():
        with alone(file.with_name(f".{file.name}.lock")):
            yield
    elif url.startswith("postgresql"):
        engine = create_engine(url)
        try:
            with engine.connect() as connection:  # the lock ends with the connection
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LAYOUT})
                yield
        finally:
            engine.dispose()
    else:
        yield


@contextlib.contextmanager
def answered(url: str | None) -> Iterator[None]:
    """Translate errors of a storage, and delay signals until a call to it has ended.

    Raises
    ------
    OutageError
        If the storage does not answer.
    LostError
        If the trial to write to has ended because another worker gave it up.
    """
    try:
        with uninterrupted():
            yield
    except UpdateFinishedTrialError as error:
        raise LostError from error
    except (StorageInternalError, SQLAlchemyError, OSError) as error:
        address = hidden(url) if url else "study.db"
        cause = error.__cause__ or error
        raise OutageError(
            f"`search.storage` must answer, but {address} does not: {first_line(cause)}"
        ) from error


def release(storage: BaseStorage) -> None:
    """Close the connections of a storage."""
    storage.remove_session()
    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


@dataclass(frozen=True)
class SweepNotes:
    """Properties that a sweep stores in its study; a field is None until it is stored.

    Attributes
    ----------
    identity
        Settings and data of the sweep.
    parent_run_id
        Parent run of the sweep in MLflow.
    """

    identity: Identity | None = None
    parent_run_id: str | None = None


def notes_in(name: str, url: str, folder: Path) -> SweepNotes | None:
    """Return the notes of a sweep in a study, or None if the study is missing or empty."""
    storage = open_storage(url, folder)
    try:
        study = optuna.load_study(study_name=name, storage=storage)
        notes = study.user_attrs
        begun = notes or study.get_trials(deepcopy=False)
        return typed(SweepNotes, notes) if begun else None
    except KeyError:  # no study of this name
        return None
    finally:
        release(storage)


def delete_study(name: str, url: str, folder: Path) -> None:
    """Remove a study from a storage, if it has one of this name."""
    storage = open_storage(url, folder)
    for study_name in (name, elected(name)):
        with contextlib.suppress(KeyError):
            optuna.delete_study(study_name=study_name, storage=storage)
    release(storage)


def elected(name: str) -> str:
    """Return the name of a second study; the process that creates it creates the parent run."""
    return f"{name} (elected)"
