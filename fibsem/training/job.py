"""One training to be done, and the run that it is known by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fibsem.config import Configuration, RunConfig, Tree
from fibsem.tracking import names
from fibsem.tracking.beginning import FileNotes, take_up
from fibsem.tracking.runs import Tracking
from fibsem.training.folder import Overwrite
from fibsem.training.material.material import Material


@dataclass(frozen=True)
class Job:
    """A training to be done: its configuration, its folder, and its run in MLflow.

    Attributes
    ----------
    given, folder
        Configuration, of which values are read by the training itself, so that an error is its
        failure; and folder.
    name, tags, parent
        Name, tags and parent of its run.
    overwrite
        Whether results in the folder are removed first; see :func:`fibsem.training.folder.settle`.
    published
        Whether its run is ended with the training. The run of a trial is ended when the study has
        the result.

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

    @property
    def tree(self) -> Tree:
        """The configuration as a tree, as it is logged in MLflow."""
        return self.given.tree

    @property
    def config(self) -> RunConfig:
        """The configuration of the training."""
        return self.given.run

    def take_up(self, material: Material, tracking: Tracking) -> str:
        """Resume the run of its folder, or begin one; returns its id."""
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
