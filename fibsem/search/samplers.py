"""Samplers, pruners and objectives of a sweep, by the names that users type."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import optuna

from fibsem.config import SearchConfig
from fibsem.errors import UserError

#: Samplers whose k-th draw is known before anything ran; the others learn from what was found.
PLANNED = ("enumerated", "random", "grid")


@dataclass(frozen=True)
class Objective:
    """A figure of a finished training that a sweep makes small or large."""

    key: str
    direction: str

    def of(self, record: dict[str, Any]) -> float:
        """The figure in the record of a training."""
        if self.key == "val_all/porosity_bias":
            figures = record["val_all"]
            return abs(float(figures["porosity"]) - float(figures["label_porosity"]))
        group, _, name = self.key.partition("/")
        if record.get(group) is None:
            raise UserError(
                f"`search.objectives` needs {group} figures for {self.key}, but the training gives "
                "none; train.val_all=true scores all labelled pixels."
            )
        return float(record[group][name])


OBJECTIVES = {
    "val/loss": "minimize",
    "val/miou": "maximize",
    "val/accuracy": "maximize",
    "val_all/miou": "maximize",
    "val_all/porosity_bias": "minimize",
    "cost/seconds_per_gigapixel": "minimize",
}


def objectives(search: SearchConfig) -> list[Objective]:
    """The objectives of a sweep, checked against its sampler and pruner."""
    for key in search.objectives:
        if key not in OBJECTIVES:
            raise UserError(
                f"`search.objectives` must be among {', '.join(OBJECTIVES)}, but got {key}."
            )
    if len(search.objectives) > 1 and search.pruner != "none":
        raise UserError(
            "`search.pruner` must be none with several objectives, since an unfinished training "
            f"has no value for all of them, but got {search.pruner}."
        )
    if len(search.objectives) > 1 and search.sampler == "cmaes":
        raise UserError(
            "`search.sampler=cmaes` has a single objective; nsga2 and tpe have several."
        )
    return [Objective(key, OBJECTIVES[key]) for key in search.objectives]


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
    return optuna.samplers.RandomSampler(seed=seed)


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
    return optuna.pruners.NopPruner()
