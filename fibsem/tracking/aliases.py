"""Current aliases and history of the model registry, for reports.

If no store answers, a report leaves them out with a warning, and nothing is created.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from fibsem.config import TrackingConfig
from fibsem.errors import UserError
from fibsem.system.addresses import as_url, hidden, lacks_file
from fibsem.system.secrets import in_message

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

T = TypeVar("T")

#: Seconds that a server may take to answer the first request.
PATIENCE_S = 3.0


def aliases_now(uri: str, registered: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Return the sorted aliases of registered versions that the store has; {} without an answer.

    Parameters
    ----------
    uri
        Address of the store.
    registered : mapping of ``fibsem/3`` to the id of its run
        Another store may have a different version with that number, with another run: it is left
        out.
    """

    def look(client: MlflowClient) -> dict[str, list[str]]:
        from mlflow import MlflowException

        called = {}
        for version_name, run_id in registered.items():
            try:
                version = client.get_model_version(*version_name.split("/"))
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # the version was deleted
                    raise
                continue
            if version.run_id == run_id:
                called[version_name] = sorted(version.aliases)
        return called

    return _asked(uri, look) or {}


def history_now(uri: str) -> pd.DataFrame | None:
    """Return the history of champions as a table, or None if no store answers or it is empty."""

    def look(_: MlflowClient) -> pd.DataFrame | None:
        from fibsem.tracking.versions import history_table

        table = history_table(uri)
        return table if len(table) else None

    return _asked(uri, look)


def require_store(uri: str) -> None:
    """Check that a store exists.

    Raises
    ------
    UserError
        If there is no such file, or the server does not answer.
    """
    if not _exists(uri):
        raise UserError(
            "`tracking.uri` must be an MLflow store that is there (sqlite:///PATH or "
            f"http://HOST:PORT), but nothing answers at {hidden(uri)}."
        )


def _asked(uri: str, question: Callable[[MlflowClient], T]) -> T | None:
    """Query a store; None, with a warning, if it does not exist or fails to answer."""
    if not _exists(uri):
        if uri != TrackingConfig.uri:  # a missing default store needs no warning
            _say_left_out(uri, "nothing answers there")
        return None
    from fibsem.tracking.store import client_of

    try:
        return question(client_of(uri))
    except Exception as error:  # from any driver or server: the answer is left out
        _say_left_out(uri, next(iter(str(error).splitlines()), type(error).__name__))
        return None


def _say_left_out(uri: str, reason: str) -> None:
    print(
        f"warning: champions are left out, because {hidden(uri)} was not asked: "
        f"{in_message(reason)}",
        file=sys.stderr,
    )


def _exists(uri: str) -> bool:
    """Return whether a store exists: MLflow would create a database, or wait minutes."""
    if lacks_file(uri):
        return False
    return not uri.startswith(("http://", "https://")) or _is_up(as_url(uri))


def _is_up(url: str) -> bool:
    """Return whether a server answers at all; MLflow's request includes the user's credentials."""
    from mlflow import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        http_request(
            get_default_host_creds(url), "/health", "GET",
            max_retries=0, timeout=PATIENCE_S, raise_on_status=False,
        )  # fmt: skip
    except (MlflowException, ValueError):  # ValueError: an invalid address
        return False
    return True
