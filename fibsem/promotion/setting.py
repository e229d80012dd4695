"""What every step of a promotion is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fibsem.config import Configuration, Tree
from fibsem.data.dataset.dataset import Dataset
from fibsem.promotion.pace import TimeLeft
from fibsem.promotion.steps import Steps
from fibsem.tracking.runs import Tracking

Say = Callable[[str], None]


@dataclass(frozen=True)
class Promotion:
    """One promotion: its configuration and data, and where it works and reports to.

    Attributes
    ----------
    given, dataset
        What is promoted how, on which data.
    folder, tracking
        Of its results, and of its runs.
    parent
        Its run, of which its trainings are children; empty before it is begun.
    say
        Called with one line for every decision.
    pace
        Its time.
    """

    given: Configuration
    dataset: Dataset
    folder: Path
    tracking: Tracking
    parent: str = ""
    say: Say = print
    pace: TimeLeft = field(default_factory=TimeLeft)

    @property
    def tree(self) -> Tree:
        """Configuration of the promotion, as the store is given it."""
        return self.given.tree

    @property
    def steps(self) -> Steps:
        """Where the finished steps of the promotion are."""
        return Steps(self.folder, self.dataset)
