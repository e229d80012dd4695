"""The record of a promotion in ``summary.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fibsem.inference.volume.porosity.reading import Reading
from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.promotion.figures import ChallengerFigures
from fibsem.promotion.final import Final
from fibsem.promotion.ranking import Ranked, placed
from fibsem.promotion.starts import Starts
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
    """A challenger with the verdict of the gate, before it is published.

    Attributes
    ----------
    parent_run_id
        Run of the promotion, the parent of its trainings.
    ranking
        The trials, best first.
    finals
        Networks whose probabilities the challenger averages, best first.
    gate
        The verdict.
    test_squares_learned
        Number of test squares that its starting models were trained on, or None if unknown.
    figures
        Figures on every split.
    symmetry
        Gain and cost of mirrored and turned views, by their number.
    lineage
        Data, sweep and trials that it comes from.
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
        """Run of the first member's final training, to which the registered version belongs."""
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
        """Rows of the ranking: every trial compared with the first over validation squares."""
        return placed(self.ranking, self.finals[0].material.dataset.regions("val"))

    @property
    def losses(self) -> dict[str, tuple[list[list[float]], list[list[float]]]]:
        """Training and validation loss by epoch for every member, by the name of its trial."""
        losses: dict[str, tuple[list[list[float]], list[list[float]]]] = {}
        for final in self.finals:
            train, val = losses.setdefault(final.trial.name, ([], []))
            train.append([epoch.train_loss for epoch in final.result.history])
            val.append([epoch.val["loss"] for epoch in final.result.history])
        return losses

    def tested(self, starts: Starts) -> list[FilmSquares]:
        """Return the scored test squares of every film, by which users correct porosities.

        Squares that a starting model was trained on are left out, since they cannot correct a
        porosity. Each film also has its porosities for the seeds of the ranking.
        """
        dataset = self.finals[0].material.dataset
        learned = starts.squares(dataset)
        squares = [
            square for square in self.figures.squares if (square.sample, square.at) not in learned
        ]
        winners = (entry for entry in self.ranking if entry.trial.run_id == self.winner)
        seeds = next((entry.porosities for entry in winners), {})
        return [
            FilmSquares.of(
                film.name, film.volume.shape, dataset.slices[film.name],
                [square.row for square in squares if square.is_of("test", film.name)],
                seeds.get(film.name, ()),
                Reading.of(film.extent, film.valid, film.volume.value_range)
                if film.extent else None,
            )
            for film in dataset.samples
        ]  # fmt: skip

    def summary(
        self, bundle: Path, version: str, champion: bool, samples: Mapping[str, PromotedFilm]
    ) -> PromotionSummary:
        """Return the summary of the promotion, after the challenger was published."""
        figures = self.figures
        labelled = {group: OnLabelled(**values) for group, values in figures.labelled.items()}
        return PromotionSummary(
            run_id=self.run_id,
            parent_run_id=self.parent_run_id,
            winner=self.winner,
            ranking=tuple(self.places),
            seeds=tuple(final.seed for final in self.finals),
            members=tuple(final.summary for final in self.finals),
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
