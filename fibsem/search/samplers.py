"""Samplers and pruners of a sweep by the names that users type, and its objectives checked."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import optuna

from fibsem.config import SearchConfig
from fibsem.errors import UserError
from fibsem.training.objectives import Objective

#: Samplers whose k-th draw is known before anything ran, and those that learn from what was found.
PLANNED = ("enumerated", "random", "grid")
LEARNING = ("tpe", "cmaes", "nsga2")


def objectives(search: SearchConfig) -> list[Objective]:
    """The objectives of a sweep, checked against its sampler and pruner."""
    goals = [Objective.named(key) for key in search.objectives]
    if len(search.objectives) > 1 and search.pruner != "none":
        raise UserError(
            "`search.pruner` must be none with several objectives, since an unfinished training "
            f"has no value for all of them, but got {search.pruner}."
        )
    if len(search.objectives) > 1 and search.sampler == "cmaes":
        raise UserError(
            "`search.sampler=cmaes` has a single objective; nsga2 and tpe have several."
        )
    return goals


def bounds(constraints: Mapping[str, float] | None) -> dict[Objective, float]:
    """The bounds of ``search.constraints``: most of what shall be small, least of the others."""
    given = constraints or {}
    return {Objective.named(key, "search.constraints"): bound for key, bound in given.items()}


def check_sampler(sampler: str) -> None:
    """Refuse a sampler that Optuna does not have: it would draw at random."""
    if sampler not in (*PLANNED, *LEARNING):
        raise UserError(
            f"`search.sampler={sampler}` is of search=keras_tuner; here the choices are "
            f"{', '.join((*PLANNED, *LEARNING))} (and search.pruner=hyperband)."
        )


def make_sampler(search: SearchConfig, seed: int) -> optuna.samplers.BaseSampler:
    """Optuna's sampler by its name in ``search.sampler``."""
    startup = search.startup_trials
    if search.sampler == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)
    if search.sampler == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=search.population)
    if search.sampler == "cmaes":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.CmaEsSampler(
                seed=seed, n_startup_trials=startup, warn_independent_sampling=False
            )
    check_sampler(search.sampler)
    return optuna.samplers.RandomSampler(seed=seed)  # draws what is left open by those planned


def make_pruner(search: SearchConfig) -> optuna.pruners.BasePruner:
    """Optuna's pruner by its name in ``search.pruner``."""
    startup, first = search.startup_trials, search.pruner_warmup
    if search.pruner == "median":
        return optuna.pruners.MedianPruner(startup, n_warmup_steps=first)
    if search.pruner == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=max(1, first))
    if search.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=max(1, first))
    if search.pruner == "patient":
        median = optuna.pruners.MedianPruner(startup, n_warmup_steps=first)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.pruners.PatientPruner(median, patience=search.pruner_patience)
    if search.pruner == "none":
        return optuna.pruners.NopPruner()
    raise UserError(f"`search.pruner` must be a pruner of Optuna's, but got {search.pruner}.")
