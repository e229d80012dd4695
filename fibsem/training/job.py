"""One training to be done, before anybody does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fibsem.config import Configuration, RunConfig, Tree
from fibsem.training.folder import Overwrite


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
