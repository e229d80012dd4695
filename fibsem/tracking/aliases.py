"""What the model registry says now: which versions there are, and what they are called.

A report does without it: where no store answers there is nothing to tell, and nothing is created.
"""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from fibsem.errors import UserError
from fibsem.system.addresses import database_file

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

T = TypeVar("T")

#: Seconds that a server may take to say that it is there.
PATIENCE_S = 3.0


def aliases_now(uri: str, registered: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Aliases of registered versions, as far as the store knows these versions.

    Parameters
    ----------
    uri
        Of the store.
    registered : mapping of ``fibsem/3`` to the id of its run
        Another store may have another version of that number: then the run is not the same.
    """

    def look(client: MlflowClient) -> dict[str, list[str]]:
        from mlflow import MlflowException

        called = {}
        for one, run_id in registered.items():
            with contextlib.suppress(MlflowException):  # a version that was deleted
                version = client.get_model_version(*one.split("/"))
                if version.run_id == run_id:
                    called[one] = sorted(version.aliases)
        return called

    return _asked(uri, look) or {}


def history_now(uri: str) -> pd.DataFrame | None:
    """Who was champion when, and why; None where no store answers or nobody ever was."""

    def look(_: MlflowClient) -> pd.DataFrame | None:
        from fibsem.tracking.versions import history_table

        table = history_table(uri)
        return table if len(table) else None

    return _asked(uri, look)


def require_store(uri: str) -> None:
    """Refuse the address of a store that is not there.

    Raises
    ------
    UserError
        If no file or server answers.
    """
    if not _exists(uri):
        raise UserError(
            "`tracking.uri` must be an MLflow store that is there (sqlite:///PATH or "
            f"http://HOST:PORT), but nothing answers at {uri}."
        )


def _asked(uri: str, question: Callable[[MlflowClient], T]) -> T | None:
    """The answer of a store; None where it is not there or does not know."""
    if not _exists(uri):
        return None
    from fibsem.tracking.store import client_of

    try:
        return question(client_of(uri))
    except Exception:  # of any driver or server: what it does not say is left out
        return None


def _exists(uri: str) -> bool:
    """Whether to ask at all: MLflow would create a database, and wait minutes for a server."""
    if (file := database_file(uri)) is not None:
        return file.is_file()
    if uri.startswith(("http://", "https://")):
        try:
            with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=PATIENCE_S):
                return True
        except OSError:
            return False
    return True
