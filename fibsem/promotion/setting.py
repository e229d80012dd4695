"""The common argument of all stages of a promotion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fibsem.config import Configuration, Tree
from fibsem.data.dataset.dataset import Dataset
from fibsem.promotion.finished import Finished
from fibsem.promotion.planning.pace import TimeLeft
from fibsem.tracking.runs import Tracking

Say = Callable[[str], None]


@dataclass(frozen=True)
class Promotion:
    """A promotion: its configuration and data, its folder, its run and its store.

    Attributes
    ----------
    configuration, dataset
        Configuration and data of the promotion.
    folder, tracking
        Folder of its results, and store of its runs.
    parent
        Id of its run, the parent of its trainings; empty before the run begins.
    say
        Called with a line for every decision.
    pace
        Time limits of its trainings.
    """

    configuration: Configuration
    dataset: Dataset
    folder: Path
    tracking: Tracking
    parent: str = ""
    say: Say = print
    pace: TimeLeft = field(default_factory=TimeLeft)

    @property
    def tree(self) -> Tree:
        """Configuration of the promotion as a tree, as logged in MLflow."""
        return self.configuration.tree

    @property
    def finished(self) -> Finished:
        """Store of the promotion's finished stages."""
        return Finished(self.folder, self.dataset)
