"""Access to MLflow's stores: clients, experiments, locks, and errors of a store in an outage."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Experiment
from sqlalchemy import exc

from fibsem.errors import STORES, OutageError, UserError, causes
from fibsem.system.addresses import (
    absolute,
    as_url,
    database_file,
    hidden,
    is_database,
    lacks_file,
    server_of,
)
from fibsem.system.interrupts import uninterrupted
from fibsem.system.locking.machine_locks import machine_lock
from fibsem.system.locks import alone
from fibsem.system.outages import weathered
from fibsem.system.secrets import in_message

# The first use of a database logs a line for every step of its migration.
# Errors of a database are also raised, and reported in one line.
for _name in ("alembic", "mlflow.store.db.utils", "mlflow.tracking"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

# Downloads are copies of a few files; their progress bars only clutter logs.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

# A server's URL, with its password, would be printed after each run.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

# By default MLflow retries an unreachable server for twelve minutes, without a message.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")


#: MLflow's message when writing to a deleted experiment or run.
DELETED = re.compile(r"must be in (the )?'active'")
#: Errors of a damaged or unavailable database, and those of them that an invalid query raises.
DAMAGED = (exc.DatabaseError, exc.TimeoutError)
ASKED = (exc.DataError, exc.IntegrityError, exc.ProgrammingError)
#: Errors of MLflow for an invalid address: a missing driver, or no server.
NO_STORE = (mlflow.MlflowException, ImportError, ValueError, exc.ArgumentError)


def client_of(uri: str) -> MlflowClient:
    """Return a client of a store of runs and registered models, and make it MLflow's current one.

    The current store, which environment variables do not affect, is used by MLflow's own functions
    such as reading artifacts. The address of a file is made absolute, because MLflow caches stores
    by address and a notebook may change its working folder.
    """
    address = absolute(uri) if database_file(uri) is not None else as_url(uri)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    return MlflowClient(address, registry_uri=address)


def existing_client(uri: str) -> MlflowClient:
    """Return a client of a store that is only read, of which MLflow would create the database.

    Raises
    ------
    FileNotFoundError
        If the file of the database does not exist.
    """
    if lacks_file(uri):
        raise FileNotFoundError(f"no store at {hidden(uri)}")
    return client_of(uri)


@contextmanager
def answered(uri: str) -> Iterator[None]:
    """Convert outages of a store to ``OutageError``, and hold interrupts back within the block.

    Raises
    ------
    OutageError
        If the store or the location of its artifacts does not answer or is out of order, or if the
        run or experiment written to was deleted, which users can undo.
    """
    with uninterrupted(), weathered():
        try:
            yield
        except mlflow.MlflowException as error:
            if (outage := _outage(uri, error)) is None:
                raise
            raise outage from error


def _outage(uri: str, error: mlflow.MlflowException) -> OutageError | None:
    """Return the outage that an error of a store reports, or None if it is another error."""
    said = next(iter(str(error).splitlines()), "")
    if DELETED.search(said):
        return OutageError(
            "`tracking.uri` must keep what is written to until it has ended, but in "
            f"{hidden(uri)} somebody has deleted it: {said}"
        )
    damaged = any(
        isinstance(cause, DAMAGED) and not isinstance(cause, ASKED) for cause in causes(error)
    )
    if error.error_code in STORES or damaged:
        return OutageError(f"`tracking.uri` must answer, but {hidden(uri)} does not: {said}")
    return None


def experiment_of(uri: str, name: str, artifacts: Path) -> str:
    """Return the id of an experiment; create the store and the experiment if they do not exist.

    Raises
    ------
    UserError
        If the store cannot be reached or refuses a new experiment, its database is damaged, or the
        experiment was deleted.
    """
    if not is_database(uri):  # a server chooses the location of artifacts
        return _experiment(uri, name, None)
    address = artifacts.resolve().as_uri()
    database = database_file(uri)
    if database is None:
        return _experiment(uri, name, address)
    # Two processes that create the tables of a database at the same time would fail.
    with alone(database.with_name(f".{database.name}.lock")):
        try:
            return _experiment(uri, name, address)
        except exc.DatabaseError as error:
            raise UserError(
                f"`tracking.uri` must name a database of MLflow that is whole, but {database} "
                f"is not ({error.orig}); the choices are another one or a copy of it."
            ) from error


def _experiment(uri: str, name: str, artifacts: str | None) -> str:
    """Find or create an experiment."""
    try:
        client = client_of(uri)
        experiment = client.get_experiment_by_name(name)
    except NO_STORE as error:
        raise UserError(
            f"`tracking.uri` must be a reachable MLflow store, but {hidden(uri)} answers: "
            f"{in_message(str(error).splitlines()[0])}"
        ) from error
    experiment = experiment or _created(client, uri, name, artifacts)
    if experiment.lifecycle_stage != "active":
        raise UserError(
            f"`tracking.experiment` must not be one that was deleted, but in {hidden(uri)} {name} "
            f"was; the choices are another one or `mlflow experiments restore -x "
            f"{experiment.experiment_id}`, with MLFLOW_TRACKING_URI."
        )
    return str(experiment.experiment_id)


def _created(client: MlflowClient, uri: str, name: str, artifacts: str | None) -> Experiment:
    """Create an experiment, or return it if another process has just created it."""
    try:
        return client.get_experiment(client.create_experiment(name, artifact_location=artifacts))
    except mlflow.MlflowException as error:
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            raise UserError(
                f"`tracking.uri` must take a new experiment, but {hidden(uri)} answers: "
                f"{in_message(str(error).splitlines()[0])}; the choices are another store or "
                "tracking.experiment= of one that is there."
            ) from error
        return experiment


@contextmanager
def one_decision(uri: str) -> Iterator[None]:
    """Lock a store's champion, so that one process on this machine changes it at a time.

    MLflow has no conditional updates. The lock of a database in a file lies beside the file and
    works between machines. That of a server is shared by all users of this machine; no lock covers
    other machines that use the same server.
    """
    busy = f"another process decides about the champion of {hidden(uri)}; its end is waited for"
    with alone(_lock_of(uri), busy=busy), uninterrupted():
        yield


def _lock_of(uri: str) -> Path:
    file = database_file(uri)
    if file is not None:
        return file.resolve().with_name(f".{file.name}.champion.lock")
    return machine_lock(hashlib.sha256(server_of(uri).encode()).hexdigest()[:16])
