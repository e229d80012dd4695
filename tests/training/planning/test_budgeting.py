"""Trainings that fill a budget, and what is foreseen of one that has none."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fibsem.config import TrainConfig
from fibsem.errors import UserError
from fibsem.training.planning.budgeting import (
    FEWEST_EPOCHS,
    MOST_EPOCHS,
    divide,
    forecast,
    plan_trainings,
)
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
    share = 0.05 if plan.epochs > FEWEST_EPOCHS else 0.1
    assert plan.epochs == 1 or plan.epochs * validation <= share * left
    if plan.epochs < FEWEST_EPOCHS:
        assert (plan.epochs + 1) * validation > 0.1 * left * (1 - 1e-9)


@pytest.mark.parametrize(("seconds", "epochs"), [(15, 1), (25, 2), (35, 3), (50, 4), (90, 4)])
def test_a_plan_is_of_more_than_one_epoch_if_validations_leave_nine_tenths(seconds, epochs):
    """A single one could not be cut, and a kill lost all of it; 50 s of this network were one."""
    found, steps = divide(Probe(0.03, 1.0, 6.0, 1e-6), seconds)
    assert found == epochs
    assert seconds - 0.03 * epochs <= found * (0.03 * steps + 1.0) <= seconds


@given(times, st.floats(1e-3, 1.0), st.floats(1.1, 3.0))
def test_a_tenth_more_than_twenty_steps_and_a_validation_need_is_enough(step, validation, more):
    """However many epochs, whose steps are whole ones."""
    epochs, steps = divide(
        Probe(step, validation, 6.0, 1e-6), more * (FEWEST_STEPS * step + validation)
    )
    assert epochs * steps >= FEWEST_STEPS


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
