"""Runs in MLflow: one experiment per dataset, a parent run per sweep, a child run per trial.

Runs are addressed by id, never by a global "active run", so that an interrupted run can be
resumed.
"""

from __future__ import annotations

import contextlib
import platform
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities import Run as Run

import fibsem
from fibsem.config import TrackingConfig, read_path
from fibsem.data.dataset.dataset import Dataset
from fibsem.errors import STORES, UserError
from fibsem.system import metric_names
from fibsem.system.advice import Command
from fibsem.system.interrupts import every_call
from fibsem.system.records import Record
from fibsem.system.secrets import in_record
from fibsem.tracking import names
from fibsem.tracking.artifacts import check_artifacts
from fibsem.tracking.inputs import dataset_input
from fibsem.tracking.models import log_model
from fibsem.tracking.naming import filter_of, stored_name
from fibsem.tracking.store import answered, client_of, experiment_of

#: Error codes of a store that does not have a run, or does not use ids of that form.
UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
#: Number of runs to request from a store at a time.
PAGE = 1000


@every_call(lambda self: answered(self.uri))
@dataclass(frozen=True)
class Tracking:
    """One experiment of one MLflow store.

    Examples
    --------
    ```python
    tracking = Tracking.open(TrackingConfig(uri="sqlite:///mlruns/mlflow.db"), "film")
    run_id = tracking.start("a trial by hand", tags={"purpose": "comparison"})
    tracking.log_json(run_id, {"miou": 0.75}, "figures.json")
    ```
    """

    uri: str
    experiment_id: str
    system: bool = False
    pictures: bool = True

    @classmethod
    def open(cls, config: TrackingConfig, dataset: str) -> Tracking:
        """Open the store; create store and experiment if they do not exist.

        Raises
        ------
        UserError
            If the store cannot be opened, or the experiment has another artifact location.
        """
        name = stored_name(config.experiment or dataset)
        artifacts = read_path(config.artifacts, "tracking.artifacts")
        experiment = experiment_of(config.uri, name, artifacts)
        chosen = config.artifacts != TrackingConfig.artifacts
        check_artifacts(config.uri, experiment, artifacts, was_typed=chosen)
        return cls(config.uri, experiment, config.system_metrics, config.pictures)

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client of the store."""
        return client_of(self.uri)

    def start(
        self,
        name: str,
        *,
        tags: Mapping[str, object],
        params: Mapping[str, object] | None = None,
        parent: str | None = None,
    ) -> str:
        """Start a run and return its id."""
        everything = {**_code_and_machine(), **tags, **({names.PARENT: parent} if parent else {})}
        run = self.client.create_run(
            self.experiment_id,
            run_name=stored_name(name),
            tags={k: in_record(str(v)) for k, v in everything.items()},
        )
        self.log_params(run.info.run_id, params or {})
        return str(run.info.run_id)

    def find(self, run_id: str) -> Run | None:
        """Return a run by its id, or None if the store does not have it or it was deleted.

        Raises
        ------
        OutageError
            If the store does not answer.
        """
        try:
            run = self.client.get_run(run_id)
        except mlflow.MlflowException as error:
            if error.error_code in UNKNOWN:
                return None
            raise
        return run if run.info.lifecycle_stage == "active" else None

    def resume(self, run_id: str) -> bool:
        """Set a run to RUNNING again; return False if the store no longer has it."""
        if self.find(run_id) is None:
            return False
        self.client.update_run(run_id, status="RUNNING")
        return True

    def tag_and_end(
        self, run_id: str, tags: Mapping[str, object], status: str = "FINISHED"
    ) -> bool:
        """Tag a run with its outcome and end it; return False if the store no longer has it."""
        if self.find(run_id) is None:
            return False
        self.tag(run_id, tags)
        self.end(run_id, status)
        return True

    def log_params(self, run_id: str, params: Mapping[str, object]) -> None:
        """Log parameters of a run."""
        entries = [Param(key, in_record(str(value))) for key, value in params.items()]
        self.client.log_batch(run_id, params=entries, synchronous=True)

    def log_metrics(self, run_id: str, metrics: Mapping[str, float | None], step: int = 0) -> None:
        """Log metrics of a run at a step; None and nan are left out."""
        now = int(time.time() * 1000)
        entries = [
            Metric(key, float(value), now, step)
            for key, value in metrics.items()
            if value is not None and value == value
        ]
        self.client.log_batch(run_id, metrics=entries, synchronous=True)

    def log_changed(self, run_id: str, metrics: Mapping[str, float | None], step: int = 0) -> None:
        """Log metrics, unless the run already has all of them with these values.

        Times are not compared, as they differ between repetitions.
        """
        logged = self.client.get_run(run_id).data.metrics
        figures = {k: v for k, v in metrics.items() if v is not None and v == v}
        if figures.keys() - logged.keys() or any(
            logged[key] != value
            for key, value in figures.items()
            if not key.startswith(metric_names.TIMES)
        ):
            self.log_metrics(run_id, metrics, step)

    def logged_steps(self, run_id: str, key: str) -> int:
        """Return the number of distinct steps at which a run has logged a metric."""
        return len({metric.step for metric in self.client.get_metric_history(run_id, key)})

    def tag(self, run_id: str, tags: Mapping[str, object]) -> None:
        """Set tags of a run."""
        entries = [RunTag(key, in_record(str(value))) for key, value in tags.items()]
        self.client.log_batch(run_id, tags=entries, synchronous=True)

    def log_model(self, run_id: str) -> None:
        """Log the model of a run with its metrics, for MLflow's ``search_logged_models``."""
        log_model(self.client, self.experiment_id, run_id)

    def log_json(self, run_id: str, record: Mapping[str, Any], file: str) -> None:
        """Log a record as a JSON artifact of a run."""
        self.client.log_dict(run_id, in_record(dict(record)), file)

    def log_dataset(self, run_id: str, dataset: Dataset) -> None:
        """Log a dataset as an input of a run."""
        self.client.log_inputs(run_id, [dataset_input(dataset)])

    def describe(self, run_id: str, markdown: str) -> None:
        """Set the description on the page of a run."""
        self.tag(run_id, {names.NOTE: markdown})

    def log_file(self, run_id: str, path: Path, folder: str | None = None) -> None:
        """Log a file as an artifact of a run, in a folder if one is given."""
        self.client.log_artifact(run_id, str(path), folder)

    def read_json(self, run_id: str, file: str) -> Record:
        """Read a JSON artifact of a run.

        Raises
        ------
        UserError
            If the run does not have it any more, or it is damaged.
        """
        artifacts = self.client.get_run(run_id).info.artifact_uri
        try:
            record: Record = mlflow.artifacts.load_dict(f"{artifacts}/{file}")
        except mlflow.MlflowException as error:
            if error.error_code in STORES:  # the store does not answer
                raise
            raise UserError(
                f"a run must have its {file}, but that of {run_id} is damaged or not in "
                f"{artifacts}; the choices are {Command('report').at('repoint', 'FOLDER')} where "
                f"the store was moved, or `mlflow runs delete --run-id {run_id}`, which leaves the "
                "run out."
            ) from error
        return record

    def close(self, run_id: str, status: str = "FINISHED") -> None:
        """End a run that is RUNNING; do nothing if it has ended or the store no longer has it."""
        run = self.find(run_id)
        if run is not None and run.info.status == "RUNNING":
            self.end(run_id, status)

    @contextlib.contextmanager
    def system_metrics(self, run_id: str) -> Iterator[None]:
        """Log load and memory of the machine to a run during the block, if the option is set."""
        if not self.system:
            yield
            return
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        monitor = SystemMetricsMonitor(run_id, resume_logging=True)
        monitor.start()
        try:
            yield
        finally:
            monitor.finish()

    @contextlib.contextmanager
    def cut_off(self, run_id: str, shared: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """End the run as KILLED or FAILED if the block raises, unless ``shared`` returns True."""
        try:
            yield
        except BaseException as error:
            status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            with contextlib.suppress(Exception):  # the store's error must not hide the first
                if not shared():
                    self.close(run_id, status)
            raise

    def end(self, run_id: str, status: str = "FINISHED") -> None:
        """End a run: FINISHED, FAILED or KILLED."""
        self.client.set_terminated(run_id, status)

    def runs(self, tags: Mapping[str, str], *, order: str | None = None) -> list[Run]:
        """Return all runs with these tags, in an order of MLflow's ``order_by`` if one is given."""
        return list(self._search(tags, order=order))

    def experiments_with(self, tags: Mapping[str, str]) -> list[str]:
        """Return the names of the other experiments of the store that have runs with these tags."""
        return [
            experiment.name
            for experiment in self.client.search_experiments()
            if experiment.experiment_id != self.experiment_id
            and any(self._search(tags, experiment=experiment.experiment_id))
        ]

    def _search(
        self, tags: Mapping[str, object], order: str | None = None, experiment: str | None = None
    ) -> Iterator[Run]:
        """Yield runs with these tags, page by page; tags that a filter cannot contain included."""
        token = None
        while True:
            page = self.client.search_runs(
                [experiment or self.experiment_id], filter_of(tags),
                order_by=[order] if order else None, max_results=PAGE, page_token=token,
            )  # fmt: skip
            for run in page:
                if all(run.data.tags.get(key) == str(value) for key, value in tags.items()):
                    yield run
            token = page.token
            if not token:
                return

    def children(self, parent: str) -> list[Run]:
        """Return the child runs of a run."""
        return self.runs({names.PARENT: parent})


def _code_and_machine() -> dict[str, str]:
    """Return the tags of every run for its code version and machine."""
    return {
        names.CODE: code_version(),
        names.MACHINE: f"{socket.gethostname()} {platform.machine()}",
    }


@cache
def code_version() -> str:
    """Return the version of the package, with the commit in a checkout; cached per process.

    Examples
    --------
    >>> code_version().partition("+")[0] == fibsem.__version__
    True
    """
    folder = Path(__file__).parent
    if not (folder.parent.parent / ".git").exists():
        return fibsem.__version__
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return fibsem.__version__
    return f"{fibsem.__version__}+{done.stdout.strip()}"
