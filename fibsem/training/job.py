"""A training job and its MLflow run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fibsem.config import Configuration, RunConfig, Tree
from fibsem.data.dataset.dataset import Dataset
from fibsem.system import metric_names
from fibsem.system.files import known_json, write_json
from fibsem.tracking import names
from fibsem.tracking.run_notes import FileNotes, take_up
from fibsem.tracking.runs import Tracking
from fibsem.training.folder import Overwrite
from fibsem.training.results import TrialResult


@dataclass(frozen=True)
class Job:
    """A training to run: its configuration, its folder, and the description of its MLflow run.

    Attributes
    ----------
    configuration, folder
        Configuration and working folder. The configuration is parsed only when the job runs, so
        that an invalid one counts as a failure of the training.
    name, tags, parent
        Name, tags and parent run id of the MLflow run.
    overwrite
        When to remove existing results; see :func:`fibsem.training.folder.settle`.
    published
        Whether to end the run with the training. The run of a trial stays open until the study has
        recorded the state of the trial.
    left_s
        Returns the seconds that a hard budget leaves for the epochs from now on, or None for no
        limit; see :func:`fibsem.training.train`.

    Examples
    --------
    ```python
    configuration = Configuration(compose("train", ["data=demo", "train.epochs=5"]))
    job = Job(configuration, Path("outputs/mine"), "by hand", tags={"purpose": "comparison"})
    ```
    """

    configuration: Configuration
    folder: Path
    name: str
    tags: Mapping[str, object]
    parent: str | None = None
    overwrite: Overwrite = "never"
    published: bool = True
    left_s: Callable[[], float | None] | None = None

    @property
    def tree(self) -> Tree:
        """Configuration tree, as it is logged to the store."""
        return self.configuration.tree

    @property
    def config(self) -> RunConfig:
        """Parsed configuration of the training."""
        return self.configuration.run

    def take_up(self, dataset: Dataset, tracking: Tracking) -> str:
        """Resume the interrupted run of the folder, or start a new one; return the run id."""
        config = self.config
        tags = {
            names.MODEL: config.spec.name,
            names.NBHD: config.spec.nbhd,
            names.PADDING: config.spec.padding,
            names.MODE: config.train.mode,
            names.SEED: config.seed,
            names.DATA: dataset.hash,
            **({names.INIT: config.train.init} if config.train.init else {}),
            **({names.TEACHER: config.train.teacher} if config.train.teacher else {}),
            **self.tags,
        }
        return take_up(
            tracking, FileNotes(self.folder / "run.json"), self.name, self.tree, dataset,
            tags=tags, params=config.hyperparameters, parent=self.parent,
        )  # fmt: skip

    def completed(self, result: TrialResult, dataset: Dataset, tracking: Tracking) -> TrialResult:
        """Return a stored result after making sure that its run is complete and ended.

        The process may have been killed after writing the file but before ending the run. If the
        store no longer has the run, all metrics are logged again to a new one.
        """
        if tracking.find(result.run_id) is not None:
            if self.published:
                tracking.close(result.run_id)
            if known_json(self.folder / "run.json") is None:
                write_json(self.folder / "run.json", {"run_id": result.run_id})
            return result
        run_id = self.take_up(dataset, tracking)
        logged = tracking.logged_steps(run_id, metric_names.VAL_LOSS)
        for epoch in result.history[logged:]:
            tracking.log_metrics(run_id, epoch.metrics(), step=epoch.epoch)
        tracking.log_changed(run_id, result.metrics(), step=result.epochs)
        if result.test is not None:
            tracking.tag(run_id, {names.TEST: names.SCORED})
        result = replace(result, run_id=run_id)
        write_json(self.folder / "result.json", result.to_json())
        if self.published:
            tracking.end(run_id)
        return result
