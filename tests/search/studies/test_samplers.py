"""Samplers and pruners are those that their names say."""

from typing import get_args, get_type_hints

import optuna
import pytest

from fibsem.config import SearchConfig
from fibsem.config.search import ORACLES
from fibsem.errors import UserError
from fibsem.search.studies.samplers import make_pruner, make_sampler

SAMPLERS = {
    "tpe": "TPESampler", "cmaes": "CmaEsSampler", "nsga2": "NSGAIISampler",
    "random": "RandomSampler", "enumerated": "RandomSampler", "grid": "RandomSampler",
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name):
    assert type(make_sampler(name, 3, startup=10, population=20)).__name__ == SAMPLERS[name]


@pytest.mark.parametrize("name", get_args(get_type_hints(SearchConfig)["sampler"]))
def test_every_name_has_a_sampler_of_its_own(name):
    """One that neither backend knows would be drawn at random, and nobody would notice."""
    if name not in SAMPLERS:
        with pytest.raises(UserError, match=f"search.sampler={name}` is of search=keras_tuner"):
            SearchConfig(sampler=name, trials=3)
    assert name in SAMPLERS or name in ORACLES


@pytest.mark.parametrize("name", ["none of ours", "qmc"])
def test_a_name_without_a_sampler_is_refused(name):
    with pytest.raises(UserError, match="the choices are enumerated, random, grid, tpe, "):
        SearchConfig(sampler=name)
    with pytest.raises(UserError, match="must be a pruner"):
        make_pruner(name, startup=10, warmup=3, patience=3)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("median", "MedianPruner"), ("halving", "SuccessiveHalvingPruner"),
     ("hyperband", "HyperbandPruner"), ("patient", "PatientPruner"), ("none", "NopPruner")],
)  # fmt: skip
def test_pruners(name, kind):
    assert type(make_pruner(name, startup=10, warmup=3, patience=3)).__name__ == kind


def test_a_median_needs_some_trials_and_some_epochs():
    """Three complete trials, and no epoch before the second."""
    pruner = make_pruner("median", startup=3, warmup=2, patience=3)
    study = optuna.create_study(pruner=pruner)

    def pruned(level):
        trial = study.ask()
        found = []
        for epoch in range(4):
            trial.report(level, epoch)
            found.append(trial.should_prune())
        study.tell(trial, level)
        return found

    for level in (1.0, 2.0, 3.0):
        assert not any(pruned(level))
    assert pruned(9.0) == [False, False, True, True]
    assert not any(pruned(0.5))
