"""Samplers, pruners and objectives of a sweep by the names that users type."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

import optuna

from fibsem.config import SearchConfig
from fibsem.errors import UserError
from fibsem.training.scoring.objectives import Objective


def objectives(keys: Iterable[str]) -> list[Objective]:
    """Return the objectives of a sweep by their names."""
    return [Objective.named(key) for key in keys]


def bounds(constraints: Mapping[str, float] | None) -> dict[Objective, float]:
    """Return ``search.constraints``: upper bounds of minimised objectives, lower ones of others."""
    items = (constraints or {}).items()
    return {Objective.named(key, "search.constraints"): bound for key, bound in items}


def make_sampler(search: SearchConfig, seed: int) -> optuna.samplers.BaseSampler:
    """Make Optuna's sampler by its name in ``search.sampler``."""
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
    return optuna.samplers.RandomSampler(seed=seed)  # draws axes that planned points leave open


def make_pruner(search: SearchConfig) -> optuna.pruners.BasePruner:
    """Make Optuna's pruner by its name in ``search.pruner``."""
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
