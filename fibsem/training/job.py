"""A training job and its MLflow run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fibsem.config import Configuration, RunConfig, Tree
from fibsem.tracking import names
from fibsem.tracking.run_notes import FileNotes, take_up
from fibsem.tracking.runs import Tracking
from fibsem.training.folder import Overwrite
from fibsem.training.material.material import Material


@dataclass(frozen=True)
class Job:
    """A training to run: its configuration, its folder, and the description of its MLflow run.

    Attributes
    ----------
    given, folder
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
    given = Configuration(compose("train", ["data=demo", "train.epochs=5"]))
    job = Job(given, Path("outputs/mine"), "by hand", tags={"purpose": "comparison"})
    ```
    """

    given: Configuration
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
        return self.given.tree

    @property
    def config(self) -> RunConfig:
        """Parsed configuration of the training."""
        return self.given.run

    def take_up(self, material: Material, tracking: Tracking) -> str:
        """Resume the interrupted run of the folder, or start a new one; return the run id."""
        config = material.config
        tags = {
            names.MODEL: config.spec.name,
            names.NBHD: config.spec.nbhd,
            names.PADDING: config.spec.padding,
            names.MODE: config.train.mode,
            names.SEED: config.seed,
            names.DATA: material.dataset.hash,
            **({names.INIT: config.train.init} if config.train.init else {}),
            **({names.TEACHER: config.train.teacher} if config.train.teacher else {}),
            **self.tags,
        }
        return take_up(
            tracking, FileNotes(self.folder / "run.json"), self.name, self.tree, material.dataset,
            tags=tags, params=config.hyperparameters, parent=self.parent,
        )  # fmt: skip
