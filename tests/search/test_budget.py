"""A budget of a sweep: how many trials of how many steps, and one plan one sweep."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem import sweep
from fibsem.config import SearchConfig, compose
from fibsem.search.budget import MOST_TRIALS, STEPS, halving, mean, number_of_trials
from fibsem.training.plan import FEWEST_STEPS, Plan, Probe, plan_trainings


@given(st.floats(1e-3, 0.5), st.floats(0.5, 20), st.floats(300, 40_000))
def test_trials_are_long_enough_and_share_the_time(step, once, seconds):
    found = Probe(step, 2 * step, once, 1e-6)
    trials = number_of_trials(found, seconds)
    assert 1 <= trials <= MOST_TRIALS
    plan = plan_trainings(found, seconds, 0.0, "abc", trials=trials)
    assert plan.seconds <= seconds
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
    assert plan.seconds >= budget - 20 - plan.all_epochs * step - 1e-6
    assert plan.all_epochs * validation <= 0.1 * (budget - 20)
    assert sum(count for count, _ in plan.rungs) == plan.trials
    assert plan.epochs == plan.rungs[-1][1] == 18
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert SearchConfig(rungs=plan.rungs, trials=plan.trials).rungs == plan.rungs


def test_halving_waits_for_enough_time():
    assert halving(Probe(0.1, 0.2, 5.0, 1e-6), 60, 20, "abc") is None
    found = halving(Probe(0.02, 0.1, 3.0, 1e-6), 1800, 20, "abc")
    assert [count for count, _ in found.rungs] == [72, 24, 8]
    assert "72 of 2 epochs, 24 of 6 epochs, 8 of 18 epochs" in found.sentence()


def test_networks_of_a_space_are_timed_on_average():
    found = mean([Probe(0.1, 1.0, 4.0, 1e-6), Probe(0.3, 2.0, 8.0, 3e-6, 40)])
    assert (found.step_s, found.validation_s, found.once_s) == pytest.approx((0.2, 1.5, 6.0))
    assert found.most_steps == 40


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
