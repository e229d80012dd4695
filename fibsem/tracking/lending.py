"""MLflow keeps one store for a whole process: what is lent from a notebook is given back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

#: Where MLflow leaves its stores for child processes.
VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")


@dataclass(frozen=True)
class Lent:
    """What somebody works with whom it is given back."""

    variables: Mapping[str, str | None]
    tracking: str | None
    registry: str

    @classmethod
    def now(cls) -> Lent:
        """What there is."""
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
    """The stores of a process, lent to as many threads as work with them at once.

    The last of these gives back what the first one found: in between they are ours.
    """

    def __init__(self) -> None:
        self._lock, self._borrowers = Lock(), 0
        self._lent: Lent | None = None

    def borrow(self) -> None:
        """Note what there is, if nobody has done so."""
        with self._lock:
            if not self._borrowers:
                self._lent = Lent.now()
            self._borrowers += 1

    def give_back(self) -> None:
        """Set it again, if nobody else works with ours."""
        with self._lock:
            self._borrowers -= 1
            if not self._borrowers and self._lent is not None:
                self._lent.give_back()


_LENDING = Lending()


@contextmanager
def stores_given_back() -> Iterator[None]:
    """Let the stores that MLflow works with be those of before, whatever was used meanwhile.

    Whoever tracks runs of their own beside ours would else log to our store from then on.
    """
    _LENDING.borrow()
    try:
        yield
    finally:
        _LENDING.give_back()


def _stores() -> tuple[str | None, str]:
    """The stores of runs and of models; none, and the empty text, where nobody has set any."""
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
