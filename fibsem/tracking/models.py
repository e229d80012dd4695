"""Trials as MLflow's logged models: ``search_logged_models`` finds them by metric and parameter.

They are external models, because their weights stay in the folder of the sweep; a promotion
registers a model of its own.
"""

from __future__ import annotations

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Metric, Run

from fibsem.system import metric_names
from fibsem.tracking import names

#: Tag by which MLflow marks a model whose files are stored elsewhere.
EXTERNAL = "mlflow.model.isExternal"
#: Tags of a run that are copied to its model.
KEPT = (
    names.STUDY,
    names.SLOT,
    names.MODEL,
    names.NBHD,
    names.PADDING,
    names.SEED,
    names.DATA,
    names.STATE,
)
#: Metrics of single epochs, which are not copied to the model.
OF_EPOCHS = (
    metric_names.TRAIN_LOSS,
    metric_names.LEARNING_RATE,
    metric_names.EPOCH_S,
    metric_names.VAL_S,
)


def log_model(client: MlflowClient, experiment: str, run_id: str) -> None:
    """Create a logged model with the metrics and parameters of a finished run, once.

    Does nothing on servers before MLflow 3, which have no logged models.
    """
    try:
        _log_model(client, experiment, run_id)
    except mlflow.MlflowException as error:
        if error.error_code != "ENDPOINT_NOT_FOUND":
            raise


def _log_model(client: MlflowClient, experiment: str, run_id: str) -> None:
    begun = client.search_logged_models([experiment], f"source_run_id = '{run_id}'", max_results=1)
    model = begun[0] if begun else None
    if model is not None and model.status == LoggedModelStatus.READY:
        return
    run = client.get_run(run_id)
    if model is None:  # otherwise an outage or a kill came before its metrics were logged
        tags = {key: run.data.tags[key] for key in KEPT if key in run.data.tags}
        title = (tags.get(names.MODEL), tags.get(names.NBHD), "trial", tags.get(names.SLOT))
        model = client.create_logged_model(
            experiment, "-".join(map(str, title)), run_id, {**tags, EXTERNAL: "true"},
            run.data.params,
        )  # fmt: skip
    log_metrics_of(client, run, model.model_id)
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def log_metrics_of(client: MlflowClient, run: Run, model_id: str) -> None:
    """Log the last value of each metric of a run to a model, except those of single epochs."""
    run_id = run.info.run_id
    keys = [key for key in run.data.metrics if key not in OF_EPOCHS]
    last = (client.get_metric_history(run_id, key)[-1] for key in keys)
    # with the run's timestamps: other ones would add points to its curves
    metrics = [Metric(m.key, m.value, m.timestamp, m.step, model_id) for m in last]
    client.log_batch(run_id, metrics=metrics, synchronous=True)
