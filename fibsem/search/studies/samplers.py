"""Samplers, pruners and objectives of a sweep by the names that users type."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

import optuna

from fibsem.errors import UserError
from fibsem.training.scoring.objectives import Objective


def objectives(keys: Iterable[str]) -> list[Objective]:
    """Return the objectives of a sweep by their names."""
    return [Objective.named(key) for key in keys]


def bounds(constraints: Mapping[str, float] | None) -> dict[Objective, float]:
    """Return ``search.constraints``: upper bounds of minimised objectives, lower ones of others."""
    items = (constraints or {}).items()
    return {Objective.named(key, "search.constraints"): bound for key, bound in items}


def make_sampler(
    name: str, seed: int, startup: int, population: int
) -> optuna.samplers.BaseSampler:
    """Make Optuna's sampler by its name in ``search.sampler``.

    Parameters
    ----------
    name, seed
        Name of the sampler, and the seed of its draws.
    startup
        Number of random trials that ``tpe`` and ``cmaes`` begin with.
    population
        Number of trials in a generation of ``nsga2``.
    """
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=population)
    if name == "cmaes":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.CmaEsSampler(
                seed=seed, n_startup_trials=startup, warn_independent_sampling=False
            )
    return optuna.samplers.RandomSampler(seed=seed)  # draws axes that planned points leave open


def make_pruner(name: str, startup: int, warmup: int, patience: int) -> optuna.pruners.BasePruner:
    """Make Optuna's pruner by its name in ``search.pruner``.

    Parameters
    ----------
    name
        Name of the pruner.
    startup
        Number of complete trials before ``median`` and ``patient`` prune any.
    warmup
        Number of epochs before a training may be pruned.
    patience
        Number of epochs without improvement that ``patient`` allows.
    """
    if name == "median":
        return optuna.pruners.MedianPruner(startup, n_warmup_steps=warmup)
    if name == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=max(1, warmup))
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=max(1, warmup))
    if name == "patient":
        median = optuna.pruners.MedianPruner(startup, n_warmup_steps=warmup)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.pruners.PatientPruner(median, patience=patience)
    if name == "none":
        return optuna.pruners.NopPruner()
    raise UserError(f"`search.pruner` must be a pruner of Optuna's, but got {name}.")
