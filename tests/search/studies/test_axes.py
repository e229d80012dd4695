"""A space in Optuna's words, through a storage and back."""

from dataclasses import replace

import optuna
import pytest

from fibsem.config import compose
from fibsem.search.space.declared import read_space
from fibsem.search.space.space import Choice
from fibsem.search.studies.axes import Axes


@pytest.mark.parametrize("value", [[8, 4], {"low": 1}, "", "[", "none", 0.5, True])
def test_a_value_comes_back_as_it_is_in_the_space(value):
    """Lists are no categories for a storage: it keeps them as text."""
    space = read_space(compose("sweep", ["space=smoke"]))
    axes = Axes(replace(space, axes={"train.loss": Choice((value,)), **space.axes}), "random")
    study = optuna.create_study()
    study.enqueue_trial(axes.parameters({"train.loss": value}))
    assert axes.suggest(study.ask())["train.loss"] == value
