"""Figures of a sweep: history, importances, coordinates, errors, and the Pareto front."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from fibsem.analysis import encoding, figures, tables
from fibsem.search.folder import FIGURES, FRONT, RANKED
from fibsem.search.ranked import ranking_note, ranking_table
from fibsem.search.space.space import Axis, Choice, Space
from fibsem.search.squares import best_squares
from fibsem.search.studies.outcomes import Outcome
from fibsem.search.sweep import Sweep
from fibsem.system import metric_names
from fibsem.system.files import replace_file
from fibsem.training.scoring.objectives import Objective

#: Minimum number of complete trials for importances, which are only noise with fewer.
FEWEST = 8


def report_sweep(sweep: Sweep) -> list[Path]:
    """Draw figures of a sweep and list its trials, log both on its parent run; return the files."""
    trials = [outcome for outcome in sweep.study.outcomes() if outcome.complete]
    if not trials:
        return []
    trials.sort(key=lambda trial: trial.ended or 0)
    by_slot = sorted(trials, key=lambda trial: trial.slot)  # the same whichever trial ended first
    goal, first = sweep.goals[0], [trial.first() for trial in trials]
    keys = [key for key in sweep.space.axes if any(key in trial.values for trial in trials)]
    folder = sweep.folder / "figures"
    start = min(trial.started or 0 for trial in trials)
    hours = [((trial.ended or 0) - start) / 3600 for trial in trials]
    drawn = {
        "history": figures.history(
            hours,
            first,
            goal.key,
            goal.direction == "minimize",
            [not trial.infeasible for trial in trials],
        ),
        "parallel_coordinates": figures.parallel_coordinates(
            {key: [trial.values.get(key) for trial in by_slot] for key in keys},
            [trial.first() for trial in by_slot],
            goal.key,
        ),
    }
    importance = importances(sweep.space, goal, by_slot)
    if importance:
        drawn["importance"] = figures.bars(importance, f"importance for {goal.key}")
        sweep.tracking.log_changed(
            sweep.parent, metric_names.grouped(metric_names.IMPORTANCE, importance)
        )
    if squares := best_squares(by_slot, goal, sweep.folder / "trials"):
        drawn["validation_squares"] = figures.error_maps(
            squares.grey, squares.labels, squares.errors, f"rank: trial, {goal.key}"
        )
    made = [name for name in FIGURES if name in drawn]
    files = [figures.save(drawn[name], folder / f"{name}.png") for name in made]
    if len(sweep.goals) > 1 and sweep.best() is not None:
        files += _pareto(sweep.goals, sweep.pareto(), trials, folder)
    for path in files:
        sweep.tracking.log_file(sweep.parent, path, "figures")
    return [*files, rank_trials(sweep, by_slot)]


def rank_trials(sweep: Sweep, trials: Sequence[Outcome]) -> Path:
    """List complete trials, best first: in ``trials.csv``, and on the page of the parent run."""
    file, goals = sweep.folder / RANKED, sweep.goals
    replace_file(file, encoding.as_csv(ranking_table(trials, goals)))
    sweep.tracking.log_file(sweep.parent, file)
    note = ranking_note(trials, goals, sweep.tracking.experiment_id)
    sweep.tracking.describe(sweep.parent, note)
    return file


def _pareto(
    goals: list[Objective], front: list[Outcome], trials: list[Outcome], folder: Path
) -> list[Path]:
    """Draw the Pareto front, and write its trials as a table."""
    names = [goal.key for goal in goals]
    numbers = {trial.number for trial in front}
    picture = figures.pareto(
        [(trial.objectives or ())[:2] for trial in trials],
        [trial.number in numbers for trial in trials],
        names[:2],
    )
    table = tables.trials(
        [dict(zip(names, trial.objectives or (), strict=True)) | trial.values for trial in front]
    )
    return [
        figures.save(picture, folder / f"{FRONT}.png"),
        *encoding.write(table, folder, FRONT),
    ]


def importances(space: Space, goal: Objective, trials: list[Outcome]) -> dict[str, float]:
    """Compute the importance of each hyperparameter for an objective, by fANOVA.

    An importance is a hyperparameter's share of the explained variance. Importances add up to one,
    even if trials differ only by chance. Only hyperparameters that every trial has are compared.
    The result is empty with fewer than ``FEWEST`` trials, or if nothing varies.
    """
    keys = [
        key
        for key in space.axes
        if all(key in trial.values for trial in trials)
        and len({repr(trial.values[key]) for trial in trials}) > 1
    ]
    values = [trial.first() for trial in trials]
    if len(trials) < FEWEST or not keys or len(set(values)) == 1:
        return {}
    distributions = {key: _distribution(space.axes[key]) for key in keys}
    study = optuna.create_study(direction=goal.direction)
    for trial, value in zip(trials, values, strict=True):
        parameters = {key: _plain(trial.values[key]) for key in keys}
        study.add_trial(
            optuna.trial.create_trial(params=parameters, distributions=distributions, value=value)
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: float(value) for key, value in shares.items() if math.isfinite(value)}


def _distribution(axis: Axis) -> BaseDistribution:
    if isinstance(axis, Choice):
        return CategoricalDistribution([_plain(value) for value in axis.values])
    if axis.integer:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | None) else repr(value)
