"""Rank the best trials of a sweep by trainings with fresh seeds.

The best of many trials on one validation set is partly luck. Trainings with other seeds show how
much remains, and the spread between seeds shows which differences are meaningful.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fibsem.analysis.statistics import Paired, Spread, paired_over_squares
from fibsem.config import RankConfig
from fibsem.data.dataset.samples import Region
from fibsem.errors import UserError
from fibsem.places import Spot, means_by_place
from fibsem.promotion.repetition import Repetition, is_repeated, repeat, repeated
from fibsem.promotion.setting import Promotion
from fibsem.promotion.trials import Trial
from fibsem.system import metric_names
from fibsem.system.progress import Progress
from fibsem.system.summaries.promotion import AgainstFirst, RankedTrial, RunAgain
from fibsem.training.material.material import Material
from fibsem.training.results import Epoch
from fibsem.training.scoring.objectives import Objective

#: p-value from which the difference of two trials over squares may be noise: they are tied.
TIED = 0.05
#: Objective for the ranking if repetitions lack the objective of the sweep, as they lack costs.
MIOU = Objective.named(metric_names.VAL_MIOU)


@dataclass(frozen=True)
class Ranked:
    """A trial and its repetitions with fresh seeds; a single trial is not repeated."""

    trial: Trial
    repetitions: tuple[Repetition, ...] = ()

    @cached_property
    def runs(self) -> tuple[Repetition, ...]:
        """Repetitions that did not diverge."""
        return tuple(run for run in self.repetitions if run.diverged is None)

    @property
    def failures(self) -> int:
        """Number of repetitions that diverged."""
        return len(self.repetitions) - len(self.runs)

    @cached_property
    def miou(self) -> Spread:
        """Validation mIoU on balanced pixels."""
        return Spread.of([run.val["miou"] for run in self.runs])

    def figure(self, goal: Objective) -> Spread:
        """Return mean and standard deviation of an objective over the repetitions."""
        return Spread.of([value for run in self.runs if (value := run.figure(goal)) is not None])

    @property
    def iou_pore_median(self) -> Spread | None:
        """Median IoU of pore over the validation squares, or None if no repetition has it."""
        medians = [(run.val_all or {}).get("iou_pore_median") for run in self.runs]
        measured = [value for value in medians if value is not None]
        return Spread.of(measured) if measured else None

    @cached_property
    def by_square(self) -> dict[str, float]:
        """MIoU of every validation square at a threshold of 0.5, averaged over the seeds."""
        squares = self.runs[0].squares if self.runs else {}
        return {key: float(np.mean([run.squares[key] for run in self.runs])) for key in squares}

    @property
    def porosities(self) -> dict[str, list[float]]:
        """Porosity of the validation squares of each sample, one value per seed."""
        samples = self.runs[0].porosities if self.runs else {}
        return {
            name: [run.porosities[name] for run in self.runs if name in run.porosities]
            for name in samples
        }

    def against(self, other: Ranked, regions: Iterable[Region] = ()) -> Paired | None:
        """Compare two trials in pairs over validation squares, this trial minus the other.

        Squares of one place are averaged and form one pair. ``regions`` has the positions of
        squares; a square without one is its own place. Returns None if the trials were scored on
        different pixels, or were not repeated.
        """
        common = [name for name in self.by_square if name in other.by_square]
        if not common or self.runs[0].pixels != other.runs[0].pixels:
            return None
        spot_of = {region.key: Spot.of(region.sample, region.box) for region in regions}
        spots = [spot_of.get(name, Spot(name, (0, 0, 0))) for name in common]
        return paired_over_squares(
            *(
                means_by_place(
                    (spot, trial.by_square[name]) for spot, name in zip(spots, common, strict=True)
                )
                for trial in (self, other)
            )
        )

    def sentence(self, goal: Objective) -> str:
        """Describe the trial's value in the sweep, and its mean and s.d. over fresh seeds."""
        text = f"trial {self.trial.number} ({self.trial.name}): {self.trial.in_sweep} in the sweep"
        if not self.runs:
            return text
        figure = self.figure(goal)
        if len(self.runs) == 1:
            return f"{text}, {goal.key} {figure.mean:.4f} with one seed"
        spread = f"{figure.mean:.4f} ± {figure.std:.4f}"
        return f"{text}, {goal.key} {spread} (s.d.) over {len(self.runs)} seeds"

    def placed(self, rank: int, difference: Paired | None, goal: Objective) -> RankedTrial:
        """Return the row of this trial in the ranking, with its difference to the first trial."""
        trial = self.trial
        return RankedTrial(
            rank=rank,
            trial=trial.number,
            hyperparameters=trial.name,
            run_id=trial.run_id,
            search_loss=trial.loss,
            ranked_by=trial.goal.key,
            search_value=trial.figure,
            ordered_by=goal.key if self.runs else None,
            seconds_per_gigapixel=trial.seconds_per_gigapixel,
            again=self._again(goal) if self.runs else None,
            against_first=None if difference is None else against_first(difference),
        )

    def _again(self, goal: Objective) -> RunAgain:
        """Return the figures of the repetitions for the ranking."""
        figure, median = self.figure(goal), self.iou_pore_median
        return RunAgain(
            rank_value=figure.mean,
            rank_value_sd=figure.std,
            val_miou=self.miou.mean,
            val_miou_sd=self.miou.std,
            seeds=len(self.runs),
            diverged=self.failures,
            train_seconds=float(np.mean([run.train_seconds for run in self.runs])),
            val_porosity_by_seed=self.porosities,
            val_iou_pore_median=None if median is None else median.mean,
            val_iou_pore_median_sd=None if median is None else median.std,
        )


def against_first(difference: Paired) -> AgainstFirst:
    """Summarise the paired comparison with the first trial in the ranking."""
    p_value = difference.p_value
    tied = p_value is None or p_value >= TIED
    return AgainstFirst(difference.mean, p_value, tied, difference.pairs)


def order_of(count: int, chosen_by: str) -> str:
    """Return a sentence on how trials were chosen, and how they are ranked."""
    if count == 1:
        return f"the best trial is chosen by {chosen_by}"
    costs = chosen_by.startswith(metric_names.OF_COST)
    by = "mean validation mIoU on balanced pixels" if costs else "its mean"
    return f"{count} trials are chosen by {chosen_by}; they are ordered by {by} over fresh seeds"


def order_goal(ranked: Sequence[Ranked]) -> Objective:
    """Return the objective of the ranking: the sweep's if all repetitions have it, else mIoU.

    Repetitions of earlier versions have only the mIoU on balanced pixels.
    """
    goal = ranked[0].trial.goal
    runs = (run for trial in ranked for run in trial.runs)
    return goal if all(run.figure(goal) is not None for run in runs) else MIOU


def rank(promotion: Promotion, trials: Sequence[Trial], config: RankConfig) -> list[Ranked]:
    """Train trials again with fresh seeds, and sort them by the mean of their objective.

    Trials that diverged with some seeds come last, those that diverged with all are left out. Later
    starts reuse finished repetitions.

    Raises
    ------
    UserError
        If every repetition diverged.
    """
    if len(trials) == 1:
        return [Ranked(trials[0])]
    runs: dict[str, list[Repetition]] = {trial.run_id: [] for trial in trials}
    for trial, repetition in _repetitions(promotion, trials, config):
        runs[trial.run_id].append(repetition)
    ranked = [Ranked(trial, tuple(runs[trial.run_id])) for trial in trials]
    trained = [entry for entry in ranked if entry.runs]
    if not trained:
        raise UserError(
            "`rank.k` must reach a trial that trains with fresh seeds, but all "
            f"{len(trials) * config.seeds} trainings diverged; a larger rank.k, or a sweep with "
            "smaller learning rates."
        )
    for entry in ranked:
        if not entry.runs:
            seeds = "its seed" if entry.failures == 1 else f"all {entry.failures} seeds"
            promotion.say(
                f"trial {entry.trial.number} ({entry.trial.name}) is left out of the ranking: it "
                f"diverged with {seeds}"
            )
    goal = order_goal(trained)
    return sorted(trained, key=lambda entry: (entry.failures, goal.cost(entry.figure(goal).mean)))


def _repetitions(
    promotion: Promotion, trials: Sequence[Trial], rank_config: RankConfig
) -> Iterator[tuple[Trial, Repetition]]:
    """Repeat all trials seed by seed, so that all have equally many when time runs out."""
    material: Material | None = None
    with Progress("ranking") as progress:
        for done in range(total := len(trials) * rank_config.seeds):
            trial, turn = trials[done % len(trials)], done // len(trials)
            seed = trial.fresh_seeds(rank_config)[turn]
            if (
                done
                and done % len(trials) == 0
                and not _goes_on(promotion, trial.run_id, seed, rank_config)
            ):
                promotion.say(
                    "budget_is=hard: the time is kept for the final training, and trials are "
                    f"ordered by {turn} of {rank_config.seeds} seeds"
                )
                return
            text = f"trial {trial.number}, seed {seed}"
            configuration = repeated(trial.tree, promotion.tree, seed)
            material = (
                material.for_config(configuration.run)
                if material
                else Material(promotion.dataset, configuration.run)
            )
            show = _showing(progress, text, done, total)
            yield trial, repeat(promotion, trial, configuration, material, show)
            progress(text, done + 1, total)


def _goes_on(promotion: Promotion, first: str, seed: int, config: RankConfig) -> bool:
    """Whether there is time for another seed, or an earlier start has trained with it."""
    return is_repeated(promotion, first, seed) or promotion.pace.repeats(config.seeds)


def _showing(progress: Progress, text: str, done: int, total: int) -> Callable[[Epoch], None]:
    """Return a callback that shows the epochs of one training within the progress of all."""
    return lambda epoch: progress(f"{text}: mIoU {epoch.val['miou']:.4f}", done, total)


def placed(ranked: Sequence[Ranked], regions: Sequence[Region] = ()) -> list[RankedTrial]:
    """Return the rows of the ranking, best first, each with its difference to the first.

    ``regions`` are the validation squares with their positions.
    """
    goal = order_goal(ranked)
    return [
        entry.placed(rank, entry.against(ranked[0], regions) if rank > 1 else None, goal)
        for rank, entry in enumerate(ranked, start=1)
    ]
