"""Trainings that fill a budget, and what is foreseen of one that has none."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fibsem.config import TrainConfig
from fibsem.errors import UserError
from fibsem.training.planning.budgeting import MOST_EPOCHS, forecast, plan_trainings
from fibsem.training.planning.instead import FEWEST_STEPS
from fibsem.training.planning.probing import Probe
from fibsem.training.results import Epoch

times = st.floats(1e-3, 1.0)


@given(times, st.floats(1e-3, 30.0), st.floats(0, 20), st.floats(60, 7200))
def test_a_plan_fills_its_budget_and_validates_a_twentieth_of_it(step, validation, once, budget):
    """Whatever a validation costs: of a network that goes patch by patch it may be twenty steps."""
    left = budget - 10 - once
    assume(left > validation + FEWEST_STEPS * step)
    plan = plan_trainings(Probe(step, validation, once, 1e-6), budget, 10.0, "abc")
    used = 10 + plan.trial_s
    assert used <= budget * (1 + 1e-9)  # sums of floats
    assert used >= budget - plan.epochs * step - 1e-6
    assert plan.epochs * plan.steps >= FEWEST_STEPS
    assert 1 <= plan.epochs <= MOST_EPOCHS
    assert plan.epochs == 1 or plan.epochs * validation <= 0.05 * left


@given(st.integers(1, 5), st.floats(0, 3))
def test_several_trainings_share_a_budget(trials, each):
    plan = plan_trainings(Probe(0.01, 0.02, 1.0, 1e-6), 300, 20, "abc", trials=trials, each_s=each)
    assert 20 + trials * plan.trial_s == pytest.approx(300, abs=trials * 0.6)


def test_a_budget_that_is_too_short_says_what_would_do():
    found = Probe(0.5, 1.0, 6.0, 1e-6)
    with pytest.raises(UserError, match=r"at least \d+s for one training.*but got 20s") as refused:
        plan_trainings(found, 20, 5, "abc")
    least = int(str(refused.value).partition("at least ")[2].partition("s for")[0])
    assert plan_trainings(found, least, 5, "abc").steps >= FEWEST_STEPS


@pytest.mark.parametrize(
    ("seconds", "limit", "said"),
    [(80.0, None, None), (90.0, 600.0, None),
     (99.0, None, "up to 69 min for 40 epochs; budget=1h would plan a training of about 34 of"),
     (8000.0, None, "up to 88.9 h for 40 epochs; budget=1h would plan a training of about 1 of")],
)  # fmt: skip
def test_what_takes_over_an_hour_is_said_after_an_epoch(seconds, limit, said):
    first = Epoch(0, 0.1, 0.5, {"loss": 0.5}, seconds, 5.0)
    found = forecast(first, TrainConfig(epochs=40, max_seconds=limit))
    assert found is None if said is None else found.startswith(said)
