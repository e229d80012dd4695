"""What a promotion found, as ``summary.json`` has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fibsem.inference.volume.porosity.reading import Reading
from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.promotion.begun import Begun
from fibsem.promotion.figures import ChallengerFigures
from fibsem.promotion.final import Final
from fibsem.promotion.ranking import Ranked, placed
from fibsem.system.records import Figure, Figures
from fibsem.system.summaries.lineage import Lineage
from fibsem.system.summaries.promotion import (
    Gate,
    OnLabelled,
    PromotedFilm,
    PromotionSummary,
    RankedTrial,
)


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
    ranking: Sequence[Ranked]
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

    @cached_property
    def places(self) -> list[RankedTrial]:
        """The ranking as a table has it: every trial beside the first, over validation squares."""
        return placed(self.ranking, self.finals[0].material.dataset.regions("val"))

    @property
    def losses(self) -> dict[str, tuple[list[list[float]], list[list[float]]]]:
        """Training and validation loss by epoch of every member, by the name of what it repeats."""
        losses: dict[str, tuple[list[list[float]], list[list[float]]]] = {}
        for final in self.finals:
            train, val = losses.setdefault(final.trial.name, ([], []))
            train.append([epoch.train_loss for epoch in final.result.history])
            val.append([epoch.val["loss"] for epoch in final.result.history])
        return losses

    def tested(self, begun: Begun) -> list[FilmSquares]:
        """The test squares of every film, which a promotion looks at once and chooses nothing on.

        Without those that a start of its trainings had learned from: they correct no porosity. With
        them, by film, what the winner found with each of the seeds that it was ranked by.
        """
        dataset = self.finals[0].material.dataset
        learned = begun.squares(dataset)
        squares = [one for one in self.figures.squares if (one.sample, one.at) not in learned]
        winners = (one for one in self.ranking if one.trial.run_id == self.winner)
        seeds = next((one.porosities for one in winners), {})
        return [
            FilmSquares.of(
                one.name, one.volume,
                [square.row for square in squares if square.is_of("test", one.name)],
                seeds.get(one.name, ()),
                Reading.of(one.extent, one.valid, one.volume.value_range) if one.extent else None,
            )
            for one in dataset.samples
        ]  # fmt: skip

    def summary(
        self, bundle: Path, version: str, champion: bool, samples: Mapping[str, PromotedFilm]
    ) -> PromotionSummary:
        """What is told of it when it is published: where, as what, and every film."""
        figures = self.figures
        labelled = {group: OnLabelled(**some) for group, some in figures.labelled.items()}
        return PromotionSummary(
            run_id=self.run_id,
            parent_run_id=self.parent_run_id,
            winner=self.winner,
            ranking=tuple(self.places),
            seeds=tuple(one.seed for one in self.finals),
            members=tuple(one.summary for one in self.finals),
            gate=self.gate,
            test_squares_learned=self.test_squares_learned,
            postprocessing=figures.postprocessing.to_json(),
            calibration=figures.calibration.summary,
            val=figures.val,
            test=figures.test,
            train_all=labelled["train_all"],
            val_all=labelled["val_all"],
            test_all=labelled["test_all"],
            squares=tuple(square.row for square in figures.squares),
            seconds_per_gigapixel=figures.seconds_per_gigapixel,
            ensemble=figures.ensemble,
            symmetry=self.symmetry,
            lineage=self.lineage,
            bundle=str(bundle),
            version=version,
            champion=champion,
            samples=samples,
        )
