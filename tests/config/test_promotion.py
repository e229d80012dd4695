"""What a promotion is given is refused before its trials are read, by the keys that were typed."""

import pytest

from fibsem.api.promoting import checked
from fibsem.config import Configuration, compose
from fibsem.errors import UserError


@pytest.mark.parametrize(
    ("key", "value", "constraint"),
    [
        ("epochs", "0", "at least 1"),
        ("epochs", "many", "a whole number"),
        ("share", "2", "in (0, 1]"),
        ("steps", "0", "at least 1 or null"),
        ("max_seconds", "0", "positive or null"),
        ("shift_sd", "-0.1", "at least 0"),
        ("shift_probability", "7", "in [0, 1]"),
    ],
)
def test_what_is_wrong_with_the_final_training_is_said_of_its_own_key(key, value, constraint):
    """It was said of `train.epochs`, which nobody had typed, and only where there were trials."""
    with pytest.raises(UserError) as caught:
        checked(Configuration(compose("promote", [f"final.{key}={value}"])))
    assert str(caught.value).startswith(f"`final.{key}` must be {constraint}, but got ")


@pytest.mark.parametrize("wrong", ["shift_sd=-0.1", "shift_probability=7"])
def test_an_impossible_shift_is_refused(wrong):
    """A negative one ended in a traceback in the first epoch; seven were as probable as one."""
    with pytest.raises(UserError, match=rf"`train.{wrong.partition('=')[0]}` must be"):
        Configuration(compose("train", ["nbhd=11x11x3", f"train.{wrong}"])).run  # noqa: B018


def test_what_is_searched_of_post_processing_is_what_is_asked_for():
    typed = ["sigma=[2,0]", "rounds=[2]", "min_size=[7]", "threshold_steps=9"]
    tree = compose("promote", [f"postprocessing.{one}" for one in typed])
    grid = Configuration(tree).postprocessing.grid
    assert (grid.sigmas, grid.rounds, grid.min_sizes) == ((0, 2), (2,), (7,))
    assert len([one for one in grid.thresholds if 0 < one < 1]) >= 9
