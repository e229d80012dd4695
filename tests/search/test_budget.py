"""A budget of a sweep: how many trials of how many steps, and one plan one sweep."""

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem import models, sweep
from fibsem.api.sweeping import prepare, search
from fibsem.config import Configuration, SearchConfig, TrainConfig, compose
from fibsem.errors import UserError
from fibsem.search import budget
from fibsem.search.budget import (
    MOST_TRIALS,
    STEPS,
    cut_off,
    disk_mib,
    halving,
    mean,
    number_of_trials,
    plan_sweep,
    values,
)
from fibsem.search.declared import read_space
from fibsem.training.checkpoint import continuation, save
from fibsem.training.learner import Learner
from fibsem.training.plan import FEWEST_STEPS, Plan, plan_trainings
from fibsem.training.probing import Probe
from fibsem.training.state import TrainingState


@given(st.floats(1e-3, 0.5), st.floats(0.5, 20), st.floats(300, 40_000))
def test_trials_are_long_enough_and_share_the_time(step, once, seconds):
    found = Probe(step, 2 * step, once, 1e-6)
    trials = number_of_trials(found, seconds)
    assert 1 <= trials <= MOST_TRIALS
    plan = plan_trainings(found, seconds, 0.0, "abc", trials=trials)
    assert plan.seconds <= seconds * (1 + 1e-9)  # sums of floats
    if trials > 1:
        assert plan.epochs * plan.steps >= 0.8 * STEPS
        assert plan.trial_s >= 0.9 * 5 * once
    assert plan.epochs * plan.steps >= FEWEST_STEPS


@given(st.floats(1e-3, 0.5), st.floats(0.01, 2), st.floats(0.5, 20), st.floats(60, 40_000))
def test_halving_fills_a_budget_and_validates_a_tenth_of_it(step, validation, once, budget):
    plan = halving(Probe(step, validation, once, 1e-6), budget, 20.0, "abc")
    if plan is None:
        return
    assert plan.seconds <= budget - 20 + 1e-6
    assert plan.seconds >= budget - 20 - plan.as_average * step - 1e-6
    assert plan.all_epochs * validation <= 0.1 * (budget - 20)
    assert plan.all_epochs < plan.as_average <= 1.25 * plan.all_epochs
    assert sum(count for count, _ in plan.rungs) == plan.trials
    assert plan.epochs == plan.rungs[-1][1] == 18
    rates = [rate_at(plan, epochs) for _, epochs in plan.rungs]
    assert rates[0] == rates[1] == 0.01 > rates[2]  # only who comes to the end comes to rest
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert SearchConfig(rungs=plan.rungs, trials=plan.trials).rungs == plan.rungs


def rate_at(plan, epochs):
    how = TrainConfig(learning_rate=0.01, schedule=plan.schedule, epochs=plan.epochs)
    return how.learning_rate_at(epochs)


def test_a_plan_of_a_version_before_keeps_its_cosine():
    before = Plan(60.0, "abc", 13, 18, 3, 0.1, 0.2, 5.0, ((9, 2), (3, 6), (1, 18))).to_json()
    for key in ("schedule", "workers", "disk_mib"):
        del before[key]
    assert values(Plan.from_json(before), None)["train.schedule"] == "cosine"


def test_halving_waits_for_enough_time():
    assert halving(Probe(0.1, 0.2, 5.0, 1e-6), 60, 20, "abc") is None
    found = halving(Probe(0.02, 0.1, 3.0, 1e-6), 1800, 20, "abc")
    assert [count for count, _ in found.rungs] == [72, 24, 8]
    assert "72 of 2 epochs, 24 of 6 epochs, 8 of 18 epochs" in found.sentence()


def test_a_plan_says_who_shares_the_work_and_what_it_keeps():
    """Of the best ten weights and a checkpoint, of all that may go on a checkpoint."""
    whole = Plan(600.0, "abc", 40, 5, 100, 0.1, 0.2, 5.0)
    mib = 4 * 2**18 / 2**20  # of each of the networks
    assert disk_mib(whole, 10, 2**18) == 10 * (1 + 5) * mib
    assert disk_mib(whole, None, 2**18) == 40 * (1 + 5) * mib
    rungs = replace(whole, trials=39, rungs=((27, 2), (9, 6), (3, 18)))
    assert disk_mib(rungs, 10, 2**18) == (10 + 5 * 37) * mib
    said = replace(whole, workers=2, disk_mib=60.0).sentence()
    assert said.startswith("plan: 40 trainings by 2 workers, ")
    assert said.endswith("; at most 60 MiB of weights")
    assert "worker" not in whole.sentence()


def test_what_a_training_leaves_is_what_was_said(material, tmp_path):
    some = material("model.filters=32")
    spec, learner = some.config.spec, Learner.of(some.config)
    state = TrainingState(some.config.train, best=0, best_weights=learner.scored.get_weights())
    save(learner, state, tmp_path / "checkpoint.npz", continuation(some))
    models.save(spec, learner.scored, tmp_path)
    left = sum(path.stat().st_size for path in tmp_path.iterdir())
    one = Plan(60.0, "abc", 1, 1, 1, 0.1, 0.2, 5.0)
    assert left / 2**20 == pytest.approx(disk_mib(one, 10, learner.scored.count_params()), rel=0.3)


def test_what_the_timing_took_is_no_more_there_for_trials(material, monkeypatch):
    """Each of four networks has a quarter of the budget at most to be timed."""
    found, given = Probe(0.1, 0.2, 5.0, 1e-6), []

    def probe(_, most_s):
        given.append(most_s)
        return found

    monkeypatch.setattr(budget, "probe", probe)
    tree = compose("sweep", ["space=smoke", "nbhd=11x11x3", "search.pruner=median"])
    begun = time.perf_counter() - 100
    plan = plan_sweep(Configuration(tree), read_space(tree), material(), 600, begun)
    assert given == [150.0] * 4
    assert plan.trials == number_of_trials(found, 495) < number_of_trials(found, 600)
    assert 400 < plan.seconds <= 500


@pytest.mark.parametrize("network", ["model=auto", "model=unet"])
def test_a_budget_is_planned_over_any_networks(material, monkeypatch, network):
    monkeypatch.setattr(budget, "probe", lambda *_: Probe(0.05, 0.1, 2.0, 1e-6))
    given = Configuration(compose("sweep", [network, "nbhd=11x11x3"]))
    plan = plan_sweep(given, read_space(given.tree), material(), 900, time.perf_counter())
    assert plan.rungs


@pytest.mark.parametrize(
    ("worked_s", "limit_s", "left_s"),
    [(0, None, 600), (100, None, 500), (100, 50, 50), (700, None, 1)],
)
def test_a_hard_budget_begins_no_trial_when_it_is_used_up(worked_s, limit_s, left_s):
    assert cut_off(600.0, limit_s, worked_s) == {"search.max_seconds": left_s}
    assert cut_off(None, limit_s, worked_s) == {}


def test_networks_of_a_space_are_timed_on_average():
    found = mean([Probe(0.1, 1.0, 4.0, 1e-6), Probe(0.3, 2.0, 8.0, 3e-6)])
    assert (found.step_s, found.validation_s, found.once_s) == pytest.approx((0.2, 1.5, 6.0))


@pytest.mark.slow
def test_a_sweep_is_begun_anew_by_the_plan_in_its_own_folder(tiny, new_store, tmp_path, material):
    """It is read before the folder is emptied, and refused before, too."""
    plan, folder = Plan(600.0, material().dataset.hash, 1, 1, 3, 0.1, 0.2, 5.0), tmp_path / "one"
    folder.mkdir()
    kept = folder / "plan.json"
    kept.write_text(json.dumps(replace(plan, work="sweep of 2dcnn 11x11x3").to_json()))
    given = [
        f"data.path={tiny}", "nbhd=11x11x3", "space=smoke", *new_store(tmp_path),
        f"output={folder}", f"plan={kept}", "overwrite=true",
    ]  # fmt: skip
    found = []
    for _ in range(2):
        sweep.main(compose("sweep", given))
        found.append(json.loads((folder / "summary.json").read_text()))
    assert found[0]["plan"] == found[1]["plan"] == json.loads(kept.read_text())
    assert found[0]["best"]["run_id"] != found[1]["best"]["run_id"]
    kept.write_text(json.dumps(replace(plan, work="train of 2dcnn 11x11x3").to_json()))
    with pytest.raises(UserError, match="of this command and network"):
        search(prepare(compose("sweep", given)))
    assert json.loads((folder / "summary.json").read_text()) == found[1]


@pytest.mark.slow
def test_a_plan_says_how_many_trials_there_are(tiny, new_store, tmp_path, material):
    """Repeated from its file it gives the same trials, of the same steps."""
    plan = Plan(600.0, material().dataset.hash, 2, 1, 3, 0.1, 0.2, 5.0)
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()))
    store, found = new_store(tmp_path), []
    for name in ("one", "two"):
        given = [
            f"data.path={tiny}", "nbhd=11x11x3", "space=smoke", *store,
            f"output={tmp_path / name}", f"plan={tmp_path / 'plan.json'}",
        ]  # fmt: skip
        sweep.main(compose("sweep", given))
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        assert summary["trials"]["complete"] + summary["trials"]["pruned"] == 2
        assert summary["plan"] == plan.to_json()
        found.append(json.loads((tmp_path / name / "trials.json").read_text()))
    assert found[0] == found[1]
