"""What takes over an hour says first what a budget of an hour would do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibsem import evaluate, train
from fibsem.config import compose
from fibsem.training.planning import instead as instead_
from fibsem.training.planning.estimate import TimeEstimate
from fibsem.training.planning.instead import instead, said_first

NETWORK = TimeEstimate(0.5, 461, 125, None)


@given(
    st.floats(1e-4, 1e5), st.integers(1, 100_000), st.integers(1, 200), st.booleans(),
    st.sampled_from([None, 1, 5]),
)  # fmt: skip
def test_it_says_something_of_any_training(step, steps, epochs, at_once, trainings):
    """It refused whole commands that had no budget, where no plan could be made."""
    said = instead(TimeEstimate(step, steps, epochs, None, at_once), trainings)
    assert said.startswith("budget=1h ")


@pytest.mark.parametrize(
    ("estimate", "trainings", "said"),
    [
        (NETWORK, None, "budget=1h would do about 6 trainings of 1060 steps instead"),
        (NETWORK, 1, "budget=1h would do a training of 6460 steps instead"),
        (NETWORK, 5, "budget=1h would do 5 trainings of 1276 steps instead"),
        (TimeEstimate(200.0, 461, 125, None), 1,
         "budget=1h is too short for a training: a smaller network would do"),
        (TimeEstimate(410.0, 1, 1, None, at_once=True), None,
         "budget=1h would do about 7 of them, and begin none after an hour, instead"),
    ],
)  # fmt: skip
def test_it_counts_trainings_and_steps(estimate, trainings, said):
    """Of what is fitted at once there are no steps to be planned."""
    assert instead(estimate, trainings) == said


@pytest.mark.parametrize(
    ("overrides", "trainings"),
    [(["train.steps=1000", "train.epochs=3"], 1), (["train.steps=700", "train.epochs=1"], 3)],
)
def test_what_takes_over_an_hour_is_timed_before_it_begins(
    material, monkeypatch, overrides, trainings
):
    """Steps of the real thing; shorter ones, cut off or fitted at once are not timed."""
    setting = material(*overrides)
    steps = "at most 3 epochs of "
    if trainings == 3:
        steps = "3 trainings, each at most 1 epoch of 700 steps, 2100 in all"
    assert steps in said_first(setting, trainings)  # milliseconds a step
    monkeypatch.setattr(instead_, "LONG_S", 20.0)
    said = said_first(setting, trainings).splitlines()
    assert said[0].startswith("3 trainings, estim" if trainings == 3 else "estimated time")
    assert said[1].startswith("budget=1h ")

    def never(_):
        raise AssertionError("it is timed")

    monkeypatch.setattr(instead_, "estimate_training", never)
    assert "budget=1h" not in said_first(material("train.steps=10"), trainings)
    assert said_first(material(*overrides, "train.max_seconds=6"), trainings) is None
    assert said_first(material("model=threshold", "nbhd=11x11x3"), trainings) is None


@pytest.mark.parametrize("command", [train, pytest.param(evaluate, marks=pytest.mark.slow)])
def test_commands_say_it_before_their_trainings(
    command, small, new_store, tmp_path, monkeypatch, capsys
):
    """And not once more behind the first epoch; a command that is finished times nothing."""
    estimate, timed = TimeEstimate(1.0, 4, 2000, None), []
    monkeypatch.setattr(instead_, "SURELY_SHORT", 1)
    monkeypatch.setattr(instead_, "estimate_training", lambda _: timed.append(1) or estimate)
    name = command.__name__.partition(".")[2]
    many = ["seeds=1", "train.epochs=1", "train.steps=1"] if name == "evaluate" else []
    for _ in range(2):
        given = [*small, *many, *new_store(tmp_path), f"output={tmp_path / 'run'}"]
        command.main(compose(name, given))
        said = capsys.readouterr().out
        assert ("budget=1h would do a training of " in said) == (timed.pop() if timed else False)
    assert "budget=1h would plan" not in said


def test_trainings_that_are_limited_one_by_one_may_take_over_an_hour_together(
    material, monkeypatch
):
    """Five of half an hour; two of them are within an hour, and are not timed."""
    estimate = TimeEstimate(1.0, 400, 60, 1800.0)
    monkeypatch.setattr(instead_, "estimate_training", lambda _: estimate)
    setting = material("train.steps=400", "train.max_seconds=1800")
    said = said_first(setting, 5)
    assert said.splitlines()[1] == "budget=1h would do 5 trainings of 638 steps instead"
    assert said_first(setting, 2) is None
