"""What a promotion found, as ``summary.json`` has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fibsem.analysis.statistics import Gate
from fibsem.promotion.figures import ChallengerFigures
from fibsem.promotion.final import Final
from fibsem.promotion.ranking import Placed
from fibsem.system.records import Figure
from fibsem.system.summaries.lineage import Lineage
from fibsem.training.results import Figures


@dataclass(frozen=True)
class Challenger:
    """What is known of a challenger when the gate has spoken, before it is published.

    Attributes
    ----------
    parent_run_id
        Run of the promotion, of which its trainings are children.
    ranking
        The trials, best first.
    finals
        The networks whose mean it is, the best first.
    gate
        The verdict.
    test_squares_learned
        Test squares that the starts of its trainings had learned from; None where nobody knows.
    figures
        On every part of the data.
    symmetry
        What views bring and cost, by their number.
    lineage
        Where it comes from.
    """

    parent_run_id: str
    ranking: Sequence[Placed]
    finals: Sequence[Final]
    gate: Gate
    test_squares_learned: int | None
    figures: ChallengerFigures
    symmetry: Mapping[str, Mapping[str, Figure]]
    lineage: Lineage

    @property
    def run_id(self) -> str:
        """Run of the final training of its first member, of which its version is registered."""
        return self.finals[0].result.run_id

    @property
    def winner(self) -> str:
        """Run of the trial that its first member repeats."""
        return self.finals[0].trial.run_id

    @property
    def test_all(self) -> Figures:
        """Figures on every labelled test pixel, with post-processing."""
        return self.figures.labelled["test_all"]

    def seed_porosities(self) -> Mapping[str, Sequence[float]]:
        """What the winner found on the validation squares of each film, seed by seed."""
        placed = {one.ranked.trial.run_id: one.ranked for one in self.ranking}
        return placed[self.winner].porosities if self.winner in placed else {}

    def to_json(self) -> dict[str, Any]:
        """The record of ``summary.json``."""
        return {
            "run_id": self.run_id,
            "parent_run_id": self.parent_run_id,
            "winner": self.winner,
            "ranking": [one.to_json() for one in self.ranking],
            "seeds": [one.seed for one in self.finals],
            "members": [one.record for one in self.finals],
            "gate": asdict(self.gate),
            "test_squares_learned": self.test_squares_learned,
            **self.figures.to_json(),
            "symmetry": self.symmetry,
            "lineage": self.lineage.to_json(),
        }


@dataclass(frozen=True)
class Published:
    """A challenger as it was published.

    Attributes
    ----------
    challenger
        What is known of it.
    bundle, version
        Its folder, and its number in the registry.
    champion
        Whether that version is the champion.
    films
        What its segmentation of every film found, by sample; empty where none was asked for.
    """

    challenger: Challenger
    bundle: str
    version: str
    champion: bool
    films: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The record of ``summary.json``."""
        return {
            **self.challenger.to_json(),
            "bundle": self.bundle,
            "version": self.version,
            "champion": self.champion,
            "samples": self.films,
        }
