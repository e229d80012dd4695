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
    """One training to be done: its configuration, and how it is known in MLflow.

    Attributes
    ----------
    given, folder
        What is trained, read by whoever does it, for a mistake is its failure; and where it works.
    name, tags, parent
        Of its run.
    overwrite
        Whether results in the folder are removed first; see :func:`fibsem.training.folder.settle`.
    published
        Whether its run ends with it. That of a trial goes on until its study says what becomes of
        it.

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
        """The configuration as the store is given it."""
        return self.given.tree

    @property
    def config(self) -> RunConfig:
        """The configuration as it is trained."""
        return self.given.run

    def take_up(self, material: Material, tracking: Tracking) -> str:
        """Id of the run of its folder: the one that was cut off, or a new one."""
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
