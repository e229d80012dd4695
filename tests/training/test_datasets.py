"""The dataset that a configuration names."""

import pytest

from fibsem.config import DataConfig, compose, read
from fibsem.data.split import SplitRecipe
from fibsem.errors import UserError
from fibsem.training.datasets import obtain, phantom_recipe


def named(*overrides):
    return read(DataConfig, compose("train", list(overrides))["data"], "data")


def test_a_phantom_that_is_there_is_opened_and_not_simulated(tiny, tmp_path, capsys):
    (tmp_path / "phantom").symlink_to(tiny)
    dataset = obtain(named("data=phantom", f"data.root={tmp_path}"), SplitRecipe())
    assert dataset.name == "phantom"
    assert [sample.name for sample in dataset.samples] == ["HPC45"]
    assert capsys.readouterr().out == ""


def test_a_phantom_is_a_recipe_of_the_configuration():
    assert phantom_recipe("demo").shape < phantom_recipe("default").shape
    with pytest.raises(UserError, match="must be one of default, demo, full, but got tiny"):
        phantom_recipe("tiny")
