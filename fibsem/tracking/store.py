"""The one door to MLflow's stores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow import MlflowClient

from fibsem.system.addresses import as_url, database_file
from fibsem.system.files import user_cache
from fibsem.system.interrupts import uninterrupted
from fibsem.system.locks import alone


def client_of(uri: str) -> MlflowClient:
    """A client of a store, where runs and registered models lie, whatever variables say.

    What MLflow does by itself, as reading artifacts, it does there too.
    """
    address = uri if database_file(uri) is not None else as_url(uri)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    return MlflowClient(address, registry_uri=address)


@contextmanager
def one_decision(uri: str) -> Iterator[None]:
    """Be the only one on this machine who changes what a store says of its champion.

    MLflow has no change that depends on what is there. A database in a file has its lock beside it,
    on whatever machine; what other machines do at a server at the same time, no lock tells.
    """
    with alone(_lock_of(uri)), uninterrupted():
        yield


def _lock_of(uri: str) -> Path:
    file = database_file(uri)
    if file is not None:
        return file.resolve().with_name(f".{file.name}.champion.lock")
    digest = hashlib.sha256(as_url(uri).rstrip("/").encode()).hexdigest()[:16]
    return user_cache() / "locks" / digest
