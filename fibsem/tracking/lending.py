"""MLflow keeps one store for a whole process: what is lent from a notebook is given back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: Where MLflow leaves its stores for child processes.
VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")


@contextmanager
def stores_given_back() -> Iterator[None]:
    """Let the stores that MLflow works with be those of before, whatever was used meanwhile.

    Whoever tracks runs of their own beside ours would else log to our store from then on.
    """
    variables = {name: os.environ.get(name) for name in VARIABLES}
    tracking, registry = _stores()
    try:
        yield
    finally:
        if _stores() != (tracking, registry):
            _set(tracking, registry)
        for name, value in variables.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


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
