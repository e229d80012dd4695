"""Samplers and pruners are those that their names say."""

import optuna
import pytest

from fibsem.config import SearchConfig
from fibsem.search.samplers import make_pruner, make_sampler


@pytest.mark.parametrize(
    ("name", "kind"),
    [("tpe", "TPESampler"), ("cmaes", "CmaEsSampler"), ("nsga2", "NSGAIISampler"),
     ("random", "RandomSampler"), ("enumerated", "RandomSampler"), ("grid", "RandomSampler")],
)  # fmt: skip
def test_samplers(name, kind):
    assert type(make_sampler(SearchConfig(sampler=name), 3)).__name__ == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [("median", "MedianPruner"), ("halving", "SuccessiveHalvingPruner"),
     ("hyperband", "HyperbandPruner"), ("patient", "PatientPruner"), ("none", "NopPruner")],
)  # fmt: skip
def test_pruners(name, kind):
    assert type(make_pruner(SearchConfig(pruner=name))).__name__ == kind


def test_a_median_needs_some_trials_and_some_epochs():
    """Three complete trials, and no epoch before the second."""
    search = SearchConfig(pruner="median", startup_trials=3, pruner_warmup=2)
    study = optuna.create_study(pruner=make_pruner(search))

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
