"""Restores MLflow's store of a process, which a notebook may use for its own runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

#: Environment variables in which MLflow passes its stores to child processes.
VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")


@dataclass(frozen=True)
class Lent:
    """Stores that are restored at the end."""

    variables: Mapping[str, str | None]
    tracking: str | None
    registry: str

    @classmethod
    def now(cls) -> Lent:
        """The present stores of the process."""
        return cls({name: os.environ.get(name) for name in VARIABLES}, *_stores())

    def give_back(self) -> None:
        """Set it again."""
        if _stores() != (self.tracking, self.registry):
            _set(self.tracking, self.registry)
        for name, value in self.variables.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class Lending:
    """Keeps the user's stores while any number of threads use ours.

    The last thread restores what the first one found.
    """

    def __init__(self) -> None:
        self._lock, self._borrowers = Lock(), 0
        self._lent: Lent | None = None

    def borrow(self) -> None:
        """Keep the present stores, if no other thread has done so."""
        with self._lock:
            if not self._borrowers:
                self._lent = Lent.now()
            self._borrowers += 1

    def give_back(self) -> None:
        """Restore the stores, if no other thread uses ours."""
        with self._lock:
            self._borrowers -= 1
            if not self._borrowers and self._lent is not None:
                self._lent.give_back()


_LENDING = Lending()


@contextmanager
def stores_given_back() -> Iterator[None]:
    """Context that restores the stores of MLflow at its end.

    Without it a user who tracks other runs would log to our store from then on.
    """
    _LENDING.borrow()
    try:
        yield
    finally:
        _LENDING.give_back()


def _stores() -> tuple[str | None, str]:
    """Addresses of the stores of runs and of models; None and empty if none was set."""
    mlflow = sys.modules.get("mlflow")
    if mlflow is None:
        return None, ""
    runs = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    models = mlflow.get_registry_uri()
    return runs, "" if models == mlflow.get_tracking_uri() else models


def _set(tracking: str | None, registry: str) -> None:
    import mlflow

    mlflow.set_tracking_uri(tracking)
    mlflow.set_registry_uri(registry)
