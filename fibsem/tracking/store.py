"""The one door to MLflow's stores."""

from __future__ import annotations

import mlflow
from mlflow import MlflowClient

from fibsem.system.addresses import as_url, database_file


def client_of(uri: str) -> MlflowClient:
    """A client of a store, where runs and registered models lie, whatever variables say.

    What MLflow does by itself, as reading artifacts, it does there too.
    """
    address = uri if database_file(uri) is not None else as_url(uri)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    return MlflowClient(address, registry_uri=address)
