"""Samplers and pruners on the slots of a budget, in a real study."""

from dataclasses import replace

import pytest

from fibsem.config import SearchConfig
from fibsem.errors import UserError
from fibsem.search.space.space import Choice, Space
from fibsem.search.studies.optuna_study import OptunaStudy
from fibsem.search.studies.samplers import objectives
from fibsem.search.studies.slots import filled
from fibsem.search.studies.trial_record import TrialRecord
from tests.search import slot_worker
from tests.search.sweeps import epoch, journal_in


@pytest.fixture(autouse=True)
def _closed(closed):
    """Connections are let go, whatever happened."""


SAMPLED = {"grid": {"grid_points": 4}, "random": {}, "cmaes": {"startup_trials": 2},
           "tpe": {"startup_trials": 2}, "nsga2": {"population": 4}}  # fmt: skip


@pytest.mark.parametrize("sampler", SAMPLED)
def test_every_sampler_fills_the_budget_and_continues(tmp_path, sampler):
    given = {"sampler": sampler, **SAMPLED[sampler]}
    slot_worker.work(slot_worker.open_study(None, tmp_path, 5, **given), 0)
    study = slot_worker.open_study(None, tmp_path, 9, **given)
    slot_worker.work(study, 0)
    slot_worker.check(study, 9)
    for one in study.outcomes():
        assert one.values["model.blocks"] in (1, 2, 3)
        assert 0.001 <= one.values["train.learning_rate"] <= 0.1


def test_a_grid_ends_with_its_last_point(tmp_path):
    study = slot_worker.open_study(
        journal_in(tmp_path), tmp_path, 50, sampler="grid", grid_points=4
    )
    slot_worker.work(study, 0)
    values = [tuple(one.values.values()) for one in study.outcomes()]
    assert len(values) == len(set(values)) == 12


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "nsga2", "random"])
def test_every_sampler_begins_with_the_defaults(tmp_path, sampler):
    default = {"model.blocks": 2, "model.kernel": 5}
    study = narrowed(tmp_path, sampler, (default,))
    attempts = [study.claim() for _ in range(4)]
    assert attempts[0].values == default
    assert [one.slot for one in attempts] == [0, 1, 2, 3]


def narrowed(folder, sampler, defaults=()):
    """A study of a space in which the depth forbids wide kernels."""
    search = SearchConfig(objectives=("val/loss",), trials=14, sampler=sampler, startup_trials=2,
                          storage=journal_in(folder))  # fmt: skip
    axes = {"model.blocks": Choice((1, 2, 3)), "model.kernel": Choice((3, 5, 7))}
    space = Space("deep", axes, (), 2, lambda v: v["model.blocks"] * v["model.kernel"] <= 10,
                  defaults=defaults)  # fmt: skip
    study = OptunaStudy("deep", folder, search, space, objectives(search.objectives))
    slot_worker.OPENED.append(study)
    study.open_slots()
    return study


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_sampler_that_learns_draws_what_is_possible_and_all_of_it(tmp_path, sampler):
    study = narrowed(tmp_path, sampler)
    for _ in range(14):
        attempt = study.claim()
        study.complete(attempt, [sum(attempt.values.values())], TrialRecord())
    drawn = [one.values for one in study.outcomes()]
    assert all(v["model.blocks"] * v["model.kernel"] <= 10 for v in drawn)
    assert {v["model.blocks"] for v in drawn} == {1, 2, 3}
    assert {v["model.kernel"] for v in drawn} >= {3, 5}


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "nsga2", "random"])
def test_every_sampler_tries_the_same_hyperparameters_again(tmp_path, sampler):
    """In a space whose choices are narrowed by what is given before."""
    study = narrowed(tmp_path, sampler)
    failed = [study.claim() for _ in range(4)]
    for attempt in failed:
        assert study.fail(attempt, "diverged", "own")
    again = [study.claim() for _ in range(4)]
    assert [(a.slot, a.attempt, a.values) for a in again] == [(a.slot, 1, a.values) for a in failed]


def test_several_objectives_have_directions(tmp_path):
    search = SearchConfig(trials=3, sampler="nsga2", population=2,
                          objectives=("val/miou", "cost/seconds_per_gigapixel"))  # fmt: skip
    study = OptunaStudy("two", tmp_path, search, slot_worker.space(), objectives(search.objectives))
    slot_worker.OPENED.append(study)
    assert [direction.name for direction in study.study.directions] == ["MAXIMIZE", "MINIMIZE"]
    study.open_slots()
    attempt = study.claim()
    assert not study.report(attempt, epoch(0, 1.0))
    study.complete(attempt, [0.8, 100.0], TrialRecord())
    assert study.outcomes()[0].objectives == (0.8, 100.0)
    for wrong in ({"pruner": "median"}, {"sampler": "cmaes"}):
        with pytest.raises(UserError, match=r"search\."):
            replace(search, **wrong)


@pytest.mark.parametrize("pruner", ["median", "halving", "hyperband", "patient"])
def test_every_pruner_ends_a_hopeless_trial(tmp_path, pruner):
    study = slot_worker.open_study(
        journal_in(tmp_path),
        tmp_path,
        6,
        pruner=pruner,
        startup_trials=1,
        pruner_warmup=1,
        pruner_patience=1,
    )
    study.open_slots()
    pruned = 0
    for k in range(6):
        attempt = study.claim()
        for number in range(12):
            loss = 1 / (number + 1) if k == 0 else 1 + 0.1 * number + k
            if study.report(attempt, epoch(number, loss)):
                study.prune(attempt, TrialRecord(epochs=number + 1))
                pruned += 1
                break
        else:
            study.complete(attempt, [loss], TrialRecord())
    assert pruned >= 1
    assert [one.state for one in study.outcomes()].count("pruned") == pruned
    assert filled(study.attempts()) == 6
