"""Which trials may become the champion: the best of one or more sweeps, run again with fresh seeds.

The best of many trials on one validation set is partly luck. What is left of it with other seeds is
not, and the spread between seeds says which differences mean something.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fibsem import models
from fibsem.analysis.metrics import Confusion
from fibsem.analysis.postprocessing import PostProcessing
from fibsem.analysis.statistics import Paired, Spread, paired_over_squares
from fibsem.config import RankConfig, RunConfig, Tree, with_values
from fibsem.data.dataset import Dataset
from fibsem.errors import UserError
from fibsem.inference.model.predict import BlockScorer
from fibsem.system.files import known_json, write_json
from fibsem.system.identity import same_data
from fibsem.system.progress import Progress
from fibsem.tracking import names
from fibsem.tracking.runs import Run, Tracking
from fibsem.training.estimating import drawn, estimate
from fibsem.training.health import DivergedError
from fibsem.training.material import Material
from fibsem.training.objectives import Objective
from fibsem.training.results import Epoch
from fibsem.training.run import MOST_BY_PATCH, Job, hyperparameters, run_job
from fibsem.training.scoring import scored_squares
from fibsem.training.squares import Record

#: Difference over squares that may be noise: above this p-value two trials are tied.
TIED = 0.05
#: What trials are ranked by where their sweeps searched for different things.
LOSS = Objective.named(names.VAL_LOSS)
#: Parts of a trial's configuration that make the network and its training.
CONFIGURATION = ("model", "nbhd", "preprocess", "sampling", "train")


@dataclass(frozen=True)
class Trial:
    """A finished trial of a sweep.

    Attributes
    ----------
    run_id, name, number
        Of its run in MLflow, and its place in the sweep.
    loss
        Validation loss that the sweep found.
    seconds_per_gigapixel
        Of its network, where the sweep measured it.
    study, parent, code
        The sweep, its parent run, and the version of the code.
    tree
        The configuration that it was trained with.
    goal, value
        What it was ranked by, and how good it is in that.
    """

    run_id: str
    name: str
    number: str | None
    loss: float
    seconds_per_gigapixel: float | None
    study: str | None
    parent: str | None
    code: str | None
    tree: Tree
    goal: Objective = LOSS
    value: float | None = None

    @property
    def found(self) -> str:
        """What the sweep found, by name: the figure that it was ranked by."""
        return f"{self.goal.key} {self.loss if self.value is None else self.value:.4f}"

    @property
    def what(self) -> str:
        """Its configuration as text: what another trial may have in common with it."""
        kept = {key: self.tree.get(key) for key in CONFIGURATION}
        return json.dumps(kept, sort_keys=True, default=str)

    def fresh_seeds(self, how: RankConfig) -> list[int]:
        """Seeds for running it again: never its own, whose luck is known."""
        own = self.tree.get("seed")
        return [seed for seed in range(how.seed, how.seed + how.seeds + 1) if seed != own][
            : how.seeds
        ]


def best_trials(
    tracking: Tracking,
    dataset: Dataset,
    how: RankConfig,
    studies: Sequence[str] | None = None,
    most_seconds: float | None = None,
) -> list[Trial]:
    """The ``how.k`` best finished trials by the first objective of their sweep, best first.

    Of several with one configuration, whatever their seeds, only the best counts. Trials of sweeps
    with different first objectives are ranked by their validation loss.

    Parameters
    ----------
    tracking, dataset
        Where trials are looked for, and the data that they must have been trained on.
    studies
        Names of sweeps; None: all of the dataset.
    most_seconds
        Slower networks, in seconds per gigapixel, are left out.

    Raises
    ------
    UserError
        If no trial is left.
    """
    where = f"study={','.join(studies)}" if studies else f"data={dataset.name}"
    runs = _finished(tracking, studies, where)
    known = [run for run in runs if same_data(run.data.tags.get(names.DATA), dataset.hash)]
    if not known:
        raise UserError(
            f"a promotion must be tested on the data of its sweep, but the {len(runs)} trials of "
            f"{dataset.name} were made with other data or another split; sweep again."
        )
    if most_seconds is not None:
        known = _affordable(known, most_seconds, where)
    goal = common_objective(tracking, known)
    found = ((goal.of_metrics(run.data.metrics), run) for run in known)
    valued = [(value, run) for value, run in found if value is not None]
    trials: dict[str, Trial] = {}
    for value, run in sorted(valued, key=lambda pair: goal.cost(pair[0])):
        trial = Trial(
            run_id=run.info.run_id,
            name=run.info.run_name,
            number=run.data.tags.get(names.SLOT),
            loss=run.data.metrics[names.VAL_LOSS],
            seconds_per_gigapixel=run.data.metrics.get(names.COST),
            study=run.data.tags.get(names.STUDY),
            parent=run.data.tags.get(names.PARENT),
            code=run.data.tags.get(names.CODE),
            tree=tracking.read_json(run.info.run_id, "config.json"),
            goal=goal,
            value=value,
        )
        trials.setdefault(trial.what, trial)
        if len(trials) == how.k:
            break
    return list(trials.values())


def _finished(tracking: Tracking, studies: Sequence[str] | None, where: str) -> list[Run]:
    """The finished trials of some sweeps, or of all; pruned ones are none."""
    runs = [
        run
        for run in tracking.runs({names.COMMAND: names.TRIAL})
        if run.info.status == "FINISHED"
        and names.VAL_LOSS in run.data.metrics
        and run.data.tags.get(names.STATE) != "pruned"
        and (studies is None or run.data.tags.get(names.STUDY) in studies)
    ]
    there = {run.data.tags.get(names.STUDY) for run in runs}
    empty = [study for study in studies or () if study not in there]
    if empty or not runs:
        raise UserError(
            f"`{f'study={empty[0]}' if empty else where}` must have a finished trial in "
            f"{tracking.uri}, but has none; python -m fibsem.sweep makes some."
        )
    return runs


def _affordable(runs: Sequence[Run], most_seconds: float, where: str) -> list[Run]:
    """Those whose networks take at most so many seconds per gigapixel."""
    costs = [run.data.metrics.get(names.COST, np.inf) for run in runs]
    kept = [run for run, cost in zip(runs, costs, strict=True) if cost <= most_seconds]
    if not kept:
        measured = [cost for cost in costs if np.isfinite(cost)] or [0.0]
        raise UserError(
            f"`max_seconds_per_gigapixel` must leave a trial, but got {most_seconds:g}; those "
            f"of {where} take {min(measured):.0f} to {max(measured):.0f}."
        )
    return kept


def common_objective(tracking: Tracking, runs: Sequence[Run]) -> Objective:
    """The first objective of the sweeps of some trials; where they differ, the validation loss."""
    one_each = {run.data.tags.get(names.STUDY): run.info.run_id for run in runs}
    trees = (tracking.read_json(run_id, "config.json") for run_id in one_each.values())
    keys = {first_objective(tree) for tree in trees}
    return Objective.named(keys.pop()) if len(keys) == 1 else LOSS


def first_objective(tree: Tree) -> str:
    """What a trial's sweep searched for first."""
    return str(tree.get("search", {}).get("objectives", [LOSS.key])[0])


def ranked_by(trials: Sequence[Trial]) -> str:
    """What the trials of a promotion were ranked by, and why."""
    goal = trials[0].goal.key
    if {first_objective(trial.tree) for trial in trials} == {goal}:
        return f"{goal}, the first objective of their sweep"
    return f"{goal}: their sweeps had different first objectives"


@dataclass(frozen=True)
class Ranked:
    """A trial and what its configuration reaches with fresh seeds; no runs where it was alone.

    ``failures`` counts the seeds with which its training diverged.
    """

    trial: Trial
    runs: tuple[Record, ...] = ()
    failures: int = 0

    @cached_property
    def miou(self) -> Spread:
        """Validation mIoU on balanced pixels."""
        return Spread.of([run["val"]["miou"] for run in self.runs])

    @cached_property
    def by_square(self) -> dict[str, float]:
        """Mean over the seeds of the mIoU of every validation square, at T = 0.5."""
        names = self.runs[0]["squares"] if self.runs else {}
        return {name: float(np.mean([run["squares"][name] for run in self.runs])) for name in names}

    def against(self, other: Ranked) -> Paired | None:
        """Paired comparison over the validation squares, this minus the other.

        None where they were scored on other pixels, or not run again.
        """
        common = [name for name in self.by_square if name in other.by_square]
        if not common or self.runs[0]["pixels"] != other.runs[0]["pixels"]:
            return None
        return paired_over_squares(
            [self.by_square[name] for name in common], [other.by_square[name] for name in common]
        )


@dataclass(frozen=True)
class Ranking:
    """Trials run again for one promotion; a second start repeats nothing that is finished."""

    tree: Tree
    dataset: Dataset
    folder: Path
    tracking: Tracking
    parent: str

    def of(self, trials: Sequence[Trial], how: RankConfig) -> list[Ranked]:
        """Run the trials again, and order them by mean validation mIoU.

        Those that diverge with a seed come behind those that never do.

        Raises
        ------
        UserError
            If every training diverged.
        """
        if len(trials) == 1:
            return [Ranked(trials[0])]
        total = len(trials) * how.seeds
        again: dict[str, list[Record]] = {trial.run_id: [] for trial in trials}
        material: Material | None = None
        with Progress("ranking") as progress:
            for done in range(total):  # seed by seed: stopped early, all trials have had as many
                trial = trials[done % len(trials)]
                seed = trial.fresh_seeds(how)[done // len(trials)]
                text = f"trial {trial.number}, seed {seed}"
                config = RunConfig.of(self._tree(trial, seed))
                material = (
                    material.for_config(config) if material else Material.of(self.dataset, config)
                )

                def show(epoch: Epoch, text: str = text, done: int = done) -> None:
                    progress(f"{text}: mIoU {epoch.val['miou']:.4f}", done, total)

                again[trial.run_id].append(self._again(trial, seed, material, show))
                progress(text, done + 1, total)
        ranked = []
        for trial in trials:
            runs = tuple(run for run in again[trial.run_id] if "diverged" not in run)
            if runs:
                ranked.append(Ranked(trial, runs, len(again[trial.run_id]) - len(runs)))
        if not ranked:
            raise UserError(
                f"`rank.k` must reach a trial that trains with fresh seeds, but all {total} "
                "trainings diverged; a larger rank.k, or a sweep with smaller learning rates."
            )
        return sorted(ranked, key=lambda one: (one.failures, -one.miou.mean))

    def _tree(self, trial: Trial, seed: int) -> Tree:
        common = {key: self.tree[key] for key in ("data", "tracking", "command")}
        # the test squares are looked at once, at the end
        return with_values({**trial.tree, **common, "seed": seed}, {"train.test": False})

    def _again(
        self, trial: Trial, seed: int, material: Material, show: Callable[[Epoch], None]
    ) -> Record:
        folder = self.folder / trial.run_id[:8] / f"seed-{seed}"
        known = folder / "again.json"
        if (record := known_json(known, keys=("seed",))) is not None:
            return dict(record)
        tree = self._tree(trial, seed)
        job = Job(
            tree=tree,
            folder=folder,
            name=f"again {trial.name} seed {seed}",
            tags={names.COMMAND: names.RANKING, names.WINNER: trial.run_id, names.SEED: seed},
            params=hyperparameters(material.config, tree),
            parent=self.parent,
        )
        try:
            trained, _ = run_job(job, material, self.tracking, show)
        except DivergedError as error:
            record = {"seed": seed, "diverged": str(error)}
            write_json(known, record)
            return record
        record = {
            "seed": seed,
            **{key: getattr(trained, key) for key in ("run_id", "val", "epochs", "train_seconds")},
            "seconds_per_gigapixel": trained.cost["seconds_per_gigapixel"],
            **square_mious(material, models.load(material.config.spec, folder)),
        }
        write_json(known, record)
        return record


def square_mious(material: Material, model: models.Model) -> Record:
    """MIoU of every validation square at T = 0.5, and on which of its pixels.

    Returns
    -------
    dict
        ``squares``: mIoU by the name of the square, of those with a labelled pixel; ``pixels``:
        ``all`` labelled ones, or, where these would take hours patch by patch, those that are
        ``drawn`` for validation, or the ``balanced`` sample of so many per cent of them.
    """
    scorer = BlockScorer(material.config.spec, model)
    labelled = sum(region.box.size for region in material.dataset.regions("val"))
    if scorer.mode == "patch" and labelled > MOST_BY_PATCH:
        share, found = material.config.train.share, _sampled_mious(material, model)
        lattice = material.config.train.validation == "lattice"
        pixels = f"balanced, {100 * share:g} %" if lattice else "drawn"
    else:
        pixels = "all"
        found = {
            region.key: square.confusion(PostProcessing()).miou
            for region, square in scored_squares(material, scorer, "val")
        }
    squares = {name: miou for name, miou in found.items() if np.isfinite(miou)}
    return {"squares": squares, "pixels": pixels}


def _sampled_mious(material: Material, model: models.Model) -> dict[str, float]:
    """MIoU of every validation square on its pixels of those that stand for the split."""
    some, found = drawn(material, "val"), estimate(material, model, "val")
    name = np.array([window.region.key for window in some.windows])[some.pixels.window]
    return {
        region.key: Confusion.at_threshold(
            found.labels[name == region.key],
            found.scores[name == region.key],
            PostProcessing().threshold,
        ).miou
        for region in material.dataset.regions("val")
    }


def ranking_rows(ranked: Sequence[Ranked]) -> list[dict[str, Any]]:
    """One row for each trial, best first: figures, noise, and the difference to the first.

    ``tied`` says that the paired test over squares cannot tell a trial from the first.
    """
    return [_row(place, one, ranked[0]) for place, one in enumerate(ranked, start=1)]


def _row(place: int, one: Ranked, first: Ranked) -> dict[str, Any]:
    row: dict[str, Any] = {
        "rank": place,
        "trial": one.trial.number,
        "hyperparameters": one.trial.name,
        "run_id": one.trial.run_id,
        "search_loss": one.trial.loss,
        "ranked_by": one.trial.goal.key,
        "search_value": one.trial.value,
        "seconds_per_gigapixel": one.trial.seconds_per_gigapixel,
    }
    if not one.runs:
        return row
    row |= {
        "val_miou": one.miou.mean,
        "val_miou_sd": one.miou.std,
        "seeds": len(one.runs),
        "diverged": one.failures,
        "train_seconds": float(np.mean([run["train_seconds"] for run in one.runs])),
    }
    paired = one.against(first) if one is not first else None
    if paired is not None:
        row |= {
            "difference": paired.mean,
            "p_value": paired.p_value,
            "tied": paired.p_value is None or paired.p_value >= TIED,
        }
    return row
