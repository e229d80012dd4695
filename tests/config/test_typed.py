"""What was typed is not searched over, and is told from what ``conf/`` says."""

import pytest

from fibsem.config import Configuration, compose
from fibsem.search.space.declared import read_space
from fibsem.search.space.space import Choice


def axes_of(*overrides):
    return read_space(compose("sweep", list(overrides))).axes


@pytest.mark.parametrize(
    ("given", "key", "values"),
    [
        (["model=2dcnn", "model.kernel=5"], "model.kernel", (5,)),
        (["model=2dcnn", "train.learning_rate=0.004"], "train.learning_rate", (0.004,)),
        (["model=auto", "model.stem=2"], "model.stem", (2,)),  # of one architecture
        (
            ["model=2dcnn", "model.kernel=5", "space.axes.model.kernel=[3,7]"],
            "model.kernel",
            (3, 7),
        ),
        (["model=2dcnn", "+space.axes.train.windows=[8,16]"], "train.windows", (8, 16)),
        (["model=2dcnn"], "model.kernel", (3, 5)),
    ],
)
def test_a_key_that_was_typed_has_that_value_in_every_trial(given, key, values):
    assert axes_of("nbhd=33x33x3", *given)[key] == Choice(values)


def test_a_condition_stays_with_an_axis_that_was_typed():
    space = read_space(compose("sweep", ["model=auto", "model.stem=2"]))
    assert space.conditions["model.stem"] == {"model.name": ("unet",)}


def test_other_axes_and_commands_stay_as_they_are():
    axes, typed = axes_of("model=2dcnn"), axes_of("model=2dcnn", "model.kernel=5", "seed=3")
    assert {key for key in axes if axes[key] != typed[key]} == {"model.kernel"}
    trained = compose("train", ["model=2dcnn", "model.kernel=5"])
    assert trained["space"]["axes"]["model"]["kernel"] == [3, 5]


def test_what_was_typed_is_found_in_the_command():
    tree = compose("sweep", ["model=2dcnn", "+space.axes.train.windows=[8,16]", "study=a b"])
    typed = Configuration(tree).typed
    assert typed["space.axes.train.windows"] == "[8,16]"
    assert {"model", "study"} < set(typed)
    assert "model.kernel" not in typed
    assert Configuration({}).typed == {}
