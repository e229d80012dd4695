"""How long a training may take, in numbers and in words."""

import pytest

from fibsem.training.planning.estimate import OVERHEAD_S, TimeEstimate, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (7140, "119 min"), (7200, "2.0 h")],
)
def test_times_are_said_as_people_say_them(seconds, words):
    assert duration(seconds) == words


def test_a_trial_takes_its_epochs_or_its_time():
    """Validation adds less than a tenth."""
    estimate = TimeEstimate(step_s=0.5, steps=40, epochs=10, max_seconds=None)
    assert estimate.epoch_s == pytest.approx(22)
    assert estimate.trial_s == pytest.approx(220 + OVERHEAD_S)
    assert TimeEstimate(0.5, 40, 10, 60.0).trial_s == pytest.approx(60 + OVERHEAD_S)
    assert TimeEstimate(0.5, 40, 10, 600.0).trial_s == pytest.approx(220 + OVERHEAD_S)
    assert "10 epochs of 40 steps, 400 in all, 500 ms a step" in estimate.sentence()
    assert (
        TimeEstimate(3.0, 1, 1, None, at_once=True)
        .sentence()
        .endswith("13 s with the default model")
    )
