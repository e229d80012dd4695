"""Restore a notebook's MLflow store after this package has used its own.

MLflow has one current store for a whole process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

#: Variables in which MLflow leaves its stores for child processes.
VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")


@dataclass(frozen=True)
class Lent:
    """MLflow's stores and their environment variables at one moment."""

    variables: Mapping[str, str | None]
    tracking: str | None
    registry: str

    @classmethod
    def now(cls) -> Lent:
        """Record the current state."""
        return cls({name: os.environ.get(name) for name in VARIABLES}, *_stores())

    def give_back(self) -> None:
        """Restore the recorded state."""
        if _stores() != (self.tracking, self.registry):
            _set(self.tracking, self.registry)
        for name, value in self.variables.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class Lending:
    """The stores of a process, shared by all threads that use this package at once.

    The first thread records the stores, and the last one restores them.
    """

    def __init__(self) -> None:
        self._lock, self._borrowers = Lock(), 0
        self._lent: Lent | None = None

    def borrow(self) -> None:
        """Record the stores, unless another thread has done so."""
        with self._lock:
            if not self._borrowers:
                self._lent = Lent.now()
            self._borrowers += 1

    def give_back(self) -> None:
        """Restore the stores, unless another thread still uses this package."""
        with self._lock:
            self._borrowers -= 1
            if not self._borrowers and self._lent is not None:
                self._lent.give_back()


_LENDING = Lending()


@contextmanager
def stores_given_back() -> Iterator[None]:
    """Restore MLflow's stores after the block.

    Otherwise callers who track runs of their own would log to this package's store from then on.
    """
    _LENDING.borrow()
    try:
        yield
    finally:
        _LENDING.give_back()


def _stores() -> tuple[str | None, str]:
    """Return the stores of runs and of models; None and an empty text if they are not set."""
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
