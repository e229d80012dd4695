"""Find the best finished trials of one or more sweeps in MLflow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from fibsem.config import Configuration, RankConfig, RunConfig, TrainConfig, Tree
from fibsem.data.dataset.dataset import Dataset
from fibsem.errors import UserError
from fibsem.promotion.candidates import Candidate
from fibsem.system import metric_names
from fibsem.system.advice import Command
from fibsem.system.identity import same_data
from fibsem.system.summaries.lineage import FromSweep
from fibsem.tracking import names
from fibsem.tracking.runs import Run, Tracking
from fibsem.training.scoring.objectives import Objective

#: Objective by which trials are chosen if their sweeps had different ones.
LOSS = Objective.named(metric_names.VAL_LOSS)
#: Sections of a trial's configuration that determine the network and its training.
CONFIGURATION = ("model", "nbhd", "preprocess", "sampling", "train")
#: State of a trial beyond the ``search.constraints`` of its sweep.
INFEASIBLE = "infeasible"
#: Key that a hard budget sets for each trial, from the time that is left.
LIMIT = "train.max_seconds"

#: Value of the objective by which a trial is chosen, and its run.
Valued = tuple[float, Run]


@dataclass(frozen=True)
class Trial:
    """A finished trial of a sweep.

    Attributes
    ----------
    run_id, name, number
        Id and name of its run in MLflow, and its number in the sweep.
    loss
        Validation loss in the sweep.
    seconds_per_gigapixel
        Cost of its network, if the sweep measured it.
    study, parent, code
        The sweep, its parent run, and the version of the code.
    tree
        The configuration that it was trained with, without the limit that :func:`unhurried`
        removes.
    goal, value
        Objective by which it was chosen, and its value.
    epoch_s, train_s
        Seconds of an epoch, and of the whole training; 0 if MLflow does not have them.
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
    epoch_s: float = 0.0
    train_s: float = 0.0

    @property
    def figure(self) -> float:
        """Value of the objective by which the trial was chosen."""
        return self.loss if self.value is None else self.value

    @property
    def in_sweep(self) -> str:
        """Name and value of the objective by which the trial was chosen, as text."""
        return f"{self.goal.key} {self.figure:.4f}"

    @property
    def architecture(self) -> str:
        """Name of the network's architecture."""
        return str(self.tree["model"]["name"])

    @property
    def settings(self) -> str:
        """Network and training as text, equal for trials that differ only in their seeds."""
        settings = {key: self.tree.get(key) for key in CONFIGURATION}
        return json.dumps(settings, sort_keys=True, default=str)

    def sweep(self, tracking: Tracking) -> FromSweep:
        """Return the sweep of the trial for its lineage, with the command of the latest start."""
        siblings = [
            run
            for run in (tracking.children(self.parent) if self.parent else [])
            if run.data.tags.get(names.COMMAND) == names.TRIAL and run.info.status == "FINISHED"
        ]
        tree = self.tree
        if siblings:
            latest = max(siblings, key=lambda run: run.info.start_time)
            with suppress(UserError):  # its files may have been removed
                tree = tracking.read_json(latest.info.run_id, "config.json")
        return FromSweep(self.study, self.parent, self.code, tree.get("command"))

    def candidate(self, final: RunConfig) -> Candidate:
        """Return what a promotion is planned by, with the settings of the final training."""
        return Candidate(
            run_id=self.run_id,
            trained=TrainConfig.of(self.tree["train"]).resolved(final.spec),
            final=final,
            epoch_s=self.epoch_s,
            train_s=self.train_s,
            seconds_per_gigapixel=self.seconds_per_gigapixel or 0.0,
        )

    def fresh_seeds(self, config: RankConfig) -> list[int]:
        """Return the seeds for repetitions, without the seed of the trial."""
        trained_seed = self.tree.get("seed")
        return [
            seed
            for seed in range(config.seed, config.seed + config.seeds + 1)
            if seed != trained_seed
        ][: config.seeds]


def best_trials(
    tracking: Tracking,
    dataset: Dataset,
    config: RankConfig,
    studies: Sequence[str] | None = None,
    most_seconds: float | None = None,
    *,
    each_architecture: bool = False,
) -> list[Trial]:
    """Return the ``config.k`` best finished trials of sweeps by their first objective, best first.

    Of trials that differ only in their seeds, only the best counts. If the sweeps have different
    first objectives, trials are chosen by their validation loss.

    Parameters
    ----------
    tracking, dataset
        The store, and the data that trials must have been trained on.
    studies
        Names of studies, or None for all of the dataset.
    most_seconds
        Maximum cost of a network in seconds per gigapixel, or None without a limit.
    each_architecture
        Whether to take ``config.k`` trials of each architecture, of which there must be two.

    Raises
    ------
    UserError
        If there is no such trial, or only one architecture with ``each_architecture``.

    Examples
    --------
    ```python
    film = load_dataset("film")
    tracking = Tracking.open(TrackingConfig(), film.name)
    first, *others = best_trials(tracking, film, RankConfig(k=3), ["my study"])
    first.run_id, first.tree["model"]
    ```
    """
    source = f"study={','.join(studies)}" if studies else f"data={dataset.name}"
    matching = _with_data(_finished(tracking, studies, source), dataset)
    for line in chain(_namesakes(matching, studies or ()), _lost(matching, tracking)):
        print(line)
    if most_seconds is not None:
        matching = _affordable(matching, most_seconds, source)
    goal = common_objective(tracking, matching)
    valued = _by_value(matching, goal, source)
    groups = _by_architecture(valued, source) if each_architecture else [valued]
    best = [_different(group, goal, config.k, tracking) for group in groups]
    return sorted(chain(*best), key=lambda trial: goal.cost(trial.figure))


def _with_data(runs: Sequence[Run], dataset: Dataset) -> list[Run]:
    """Return the trials on the data of a dataset; print how many others there are."""
    matching = [run for run in runs if same_data(run.data.tags.get(names.DATA), dataset.hash)]
    if not matching:
        raise UserError(
            f"a promotion must be tested on the data of its sweep, but the {len(runs)} trials of "
            f"{dataset.name} were made with other data or another split; sweep again."
        )
    if former := len(runs) - len(matching):
        print(f"{former} of {len(runs)} trials were made with other data, and do not count")
    return matching


def _by_value(runs: Sequence[Run], goal: Objective, source: str) -> list[Valued]:
    """Return trials with their values of an objective, best first; print how many have none."""
    values = ((goal.of_metrics(run.data.metrics), run) for run in runs)
    valued = [(value, run) for value, run in values if value is not None]
    if not valued:
        raise UserError(
            f"a promotion must have trials with {goal.key}, the first objective of their sweep, "
            f"but none of the {len(runs)} of {source} tells it; study= names others."
        )
    if left := len(runs) - len(valued):
        print(f"{left} of {len(runs)} trials tell no {goal.key}, and are left out")
    return sorted(valued, key=lambda pair: goal.cost(pair[0]))


def _by_architecture(valued: Sequence[Valued], source: str) -> list[list[Valued]]:
    """Return the trials of each architecture, of which there must be two."""
    groups: dict[str, list[Valued]] = {}
    for value, run in valued:
        groups.setdefault(run.data.tags[names.MODEL], []).append((value, run))
    if len(groups) < 2:
        raise UserError(
            f"`ensemble_of=architectures` needs trials of at least two, but those of {source} are "
            f"all {', '.join(groups)}; the choices are another {Command('sweep').line} of the "
            "other (model=2dcnn or unet; rungs and budgets finish the best alone), or "
            "ensemble_of=seeds."
        )
    return list(groups.values())


def _different(
    valued: Sequence[Valued], goal: Objective, most: int, tracking: Tracking
) -> list[Trial]:
    """Return the best trials with different configurations."""
    trials: dict[str, Trial] = {}
    for value, run in valued:
        trial = _trial(run, goal, value, tracking)
        trials.setdefault(trial.settings, trial)
        if len(trials) == most:
            break
    return list(trials.values())


def _trial(run: Run, goal: Objective, value: float, tracking: Tracking) -> Trial:
    """Read a finished trial from its run."""
    tags, metrics = run.data.tags, run.data.metrics
    return Trial(
        run_id=run.info.run_id,
        name=run.info.run_name,
        number=tags.get(names.SLOT),
        loss=metrics[metric_names.VAL_LOSS],
        seconds_per_gigapixel=metrics.get(metric_names.COST),
        study=tags.get(names.STUDY),
        parent=tags.get(names.PARENT),
        code=tags.get(names.CODE),
        tree=unhurried(tracking.read_json(run.info.run_id, "config.json")),
        goal=goal,
        value=value,
        epoch_s=metrics.get(metric_names.EPOCH_S, 0.0),
        train_s=metrics.get(metric_names.TRAIN_S, 0.0),
    )


def unhurried(tree: Tree) -> Tree:
    """Remove the time limit that a hard budget gave to the configuration of a trial.

    This limit differs from trial to trial by chance. A limit that the user typed is kept.

    Examples
    --------
    >>> tree = {"budget_is": "hard", "train": {"max_seconds": 40.0}, "command": ""}
    >>> unhurried(tree)["train"]
    {'max_seconds': None}
    >>> unhurried({**tree, "command": "python -m fibsem.sweep train.max_seconds=60"})["train"]
    {'max_seconds': 60.0}
    """
    if tree.get("budget_is") != "hard":
        return tree
    configuration = Configuration(tree)
    return configuration.with_values({LIMIT: _seconds(configuration.typed.get(LIMIT))}).tree


def _seconds(typed: str | None) -> float | None:
    """Parse typed seconds; None for ``null``, or if nothing was typed."""
    try:
        return None if typed is None else float(typed)
    except ValueError:
        return None


def _finished(tracking: Tracking, studies: Sequence[str] | None, source: str) -> list[Run]:
    """Return the runs of finished trials of the given sweeps, or of all.

    Pruned trials and trials beyond the ``search.constraints`` of their sweep are left out.
    """
    trials = [
        run
        for run in tracking.runs({names.COMMAND: names.TRIAL})
        if studies is None or run.data.tags.get(names.STUDY) in studies
    ]
    runs = [run for run in trials if _is_finished(run)]
    have_some = {run.data.tags.get(names.STUDY) for run in runs}
    empty = next((study for study in studies or () if study not in have_some), None)
    if empty is not None or not runs:
        others = [run for run in trials if empty in (None, run.data.tags.get(names.STUDY))]
        raise UserError(
            f"`{source if empty is None else f'study={empty}'}` must have a finished trial in "
            f"{tracking.uri}, but {_instead(others, empty, tracking)}."
        )
    return runs


def _is_finished(run: Run) -> bool:
    """Whether a trial has a result that may be promoted."""
    return (
        run.info.status == "FINISHED"
        and metric_names.VAL_LOSS in run.data.metrics
        and run.data.tags.get(names.STATE) not in ("pruned", INFEASIBLE)
    )


def _instead(trials: Sequence[Run], study: str | None, tracking: Tracking) -> str:
    """Return what there is in place of finished trials, and what to do about it, for a message.

    Parameters
    ----------
    trials
        Trials that cannot be promoted.
    study
        Name of their sweep, or None for all sweeps.
    tracking
        Store to look for other experiments in, if there are no trials.
    """
    beyond = sum(run.data.tags.get(names.STATE) == INFEASIBLE for run in trials)
    if beyond:
        return (
            f"{beyond} of its {len(trials)} trials are beyond search.constraints, and no other is "
            "finished; the choices are more trials, search.trials=, or a sweep with other bounds"
        )
    if trials:
        return (
            f"its {len(trials)} trials are pruned, failed or not finished; the same "
            f"{Command('sweep').line} goes on"
        )
    if study is not None:
        if elsewhere := tracking.experiments_with(_of_study(study)):
            return (
                f"its trials are in the experiment {' and '.join(elsewhere)}; the choices are the "
                "dataset that they were trained on, or the tracking.experiment of the sweep"
            )
        if (name := Path(study).name) != study and tracking.runs(_of_study(name)):
            return f"has none; a sweep has the name of its folder, study={name}"
    if parents := _sweeps_with_trials(tracking, study):
        return (
            f"the runs of its {_counted(parents)} finished trials are in the store that it had "
            "before, or were deleted; the choices are the tracking.uri of before, or the same "
            f"{Command('sweep').line} with more search.trials or overwrite=true"
        )
    return f"has none; {Command('sweep').line} makes some"


def _sweeps_with_trials(tracking: Tracking, study: str | None) -> list[Run]:
    """Return the parent runs, of one sweep or of all, that count finished trials."""
    tags = {names.COMMAND: names.SWEEP, **({} if study is None else {names.STUDY: study})}
    return [run for run in tracking.runs(tags) if _counted([run])]


def _counted(parents: Iterable[Run]) -> int:
    """Return the number of finished trials that parent runs count."""
    return sum(int(run.data.metrics.get(metric_names.TRIALS, 0)) for run in parents)


def _lost(runs: Sequence[Run], tracking: Tracking) -> Iterator[str]:
    """Yield a notice for each sweep that counts more trials than are here.

    Earlier trials stay behind if a sweep is continued in another store or experiment.
    """
    parents = {run.data.tags.get(names.PARENT): run.data.tags.get(names.STUDY) for run in runs}
    for parent, study in parents.items():
        if parent is None or (sweep := tracking.find(parent)) is None:
            continue
        counted, children = _counted([sweep]), tracking.children(parent)
        here = {run.data.tags.get(names.SLOT, run.info.run_id) for run in children if _counts(run)}
        if len(here) < counted:
            yield (
                f"{counted - len(here)} of the {counted} finished trials of {study} are not in "
                f"this experiment of {tracking.uri}, and are not considered"
            )


def _counts(run: Run) -> bool:
    """Whether the sweep of a trial counts it as finished: complete, pruned or diverged."""
    state = run.data.tags.get(names.STATE)
    return run.info.status == "FINISHED" or state in ("complete", "pruned", INFEASIBLE)


def _of_study(study: str) -> dict[str, str]:
    """Return the tags of the trials of a sweep."""
    return {names.COMMAND: names.TRIAL, names.STUDY: study}


def _namesakes(runs: Sequence[Run], studies: Iterable[str]) -> Iterator[str]:
    """Yield a notice for each study name of several sweeps, as in folders of the same name."""
    for study in studies:
        tags_of_study = (run.data.tags for run in runs if run.data.tags.get(names.STUDY) == study)
        number = len({tags.get(names.PARENT) for tags in tags_of_study})
        if number > 1:
            yield (
                f"{number} sweeps are called {study}, and trials of all of them are taken; another "
                "study=NAME of a sweep tells them apart"
            )


def _affordable(runs: Sequence[Run], most_seconds: float, source: str) -> list[Run]:
    """Return the runs whose networks take at most ``most_seconds`` per gigapixel."""
    costs = [run.data.metrics.get(metric_names.COST, np.inf) for run in runs]
    affordable = [run for run, cost in zip(runs, costs, strict=True) if cost <= most_seconds]
    if not affordable:
        measured = [cost for cost in costs if np.isfinite(cost)] or [0.0]
        raise UserError(
            f"`max_seconds_per_gigapixel` must leave a trial, but got {most_seconds:g}; those "
            f"of {source} take {min(measured):.0f} to {max(measured):.0f}."
        )
    return affordable


def common_objective(tracking: Tracking, runs: Sequence[Run]) -> Objective:
    """Return the first objective of the trials' sweeps, or validation loss if they differ."""
    one_each = {
        tuple(map(run.data.tags.get, (names.STUDY, names.PARENT))): run.info.run_id for run in runs
    }
    trees = (tracking.read_json(run_id, "config.json") for run_id in one_each.values())
    keys = {first_objective(tree) for tree in trees}
    return Objective.named(keys.pop()) if len(keys) == 1 else LOSS


def first_objective(tree: Tree) -> str:
    """Return the first objective of a trial's sweep."""
    named = tree.get("search", {}).get("objectives")
    return str(named[0]) if named else LOSS.key


def ranked_by(goal: Objective, trained: Iterable[Tree]) -> str:
    """Return a sentence on what trials with these configurations are ranked by, and why."""
    if {first_objective(tree) for tree in trained} == {goal.key}:
        return f"{goal.key}, the first objective of their sweep"
    return f"{goal.key}: their sweeps had different first objectives"
