"""The final training: what a promotion changes of a trial's configuration, down to the batches."""

import numpy as np
import pytest
import yaml

from fibsem.config import CONF, Configuration, compose
from fibsem.promotion.final import OWN, final_configuration, kept_steps
from fibsem.training.material.datasets import obtain
from fibsem.training.material.feeding import epoch_batches
from fibsem.training.material.material import Material


@pytest.fixture
def final(small):
    """Function (mode, *overrides of the promotion) -> tree of the final training of a trial."""

    def make(mode, *overrides, keep="loss"):
        how = [f"train.mode={mode}", "train.windows=64", "train.patience=4", "seed=8"]
        how.append(f"train.keep={keep}")
        trained = compose("train", [*small, *how])
        promotion = compose("promote", [*small[:2], *overrides])
        return final_configuration(trained, promotion, seed=3).tree

    return make


def images(tree):
    """Grey values of the first batch of a training."""
    config = Configuration(tree).run
    batches, _ = epoch_batches(Material(obtain(config.data, config.split), config), 0)
    return next(batches())[0]


def test_budget_and_data_are_those_of_the_promotion(final):
    tree = final("grid", "final.epochs=7", "final.share=0.3", "final.max_seconds=99")
    how, seed = tree["train"], tree["seed"]
    assert (how["epochs"], how["share"], how["max_seconds"], seed) == (7, 0.3, 99, 3)
    assert (how["patience"], how["keep"], how["test"]) == (None, "miou", False)
    assert (tree["model"]["filters"], how["steps"], how["mode"]) == (4, 4, "grid")
    assert final("grid", keep="all")["train"]["keep"] == "all"  # as the trials were chosen


@pytest.mark.parametrize("given", [(), ("final.steps=9",)])
def test_help_names_what_of_a_trial_the_final_training_changes(final, small, given):
    changed = final("grid", "final.max_seconds=99", *given)["train"]
    own = "train.mode=grid", "train.windows=64", "train.patience=4", "train.keep=loss"
    trained = compose("train", [*small, *own, "train.test=true", "train.schedule=step"])["train"]
    keys = {key for key, value in changed.items() if value != trained[key]} - {"schedule"}
    assert keys == {*OWN, "patience", "keep", "test", *(["steps"] if given else [])}
    told = yaml.safe_load((CONF / "promote.yaml").read_text("utf-8"))["hydra"]["help"]["header"]
    _, _, those = told.partition("train.* are those of the trials, but")
    assert [key for key in [*keys, "schedule"] if key not in those.partition(")")[0]] == []


def test_steps_that_came_with_a_trial_are_said(small):
    """They are kept whatever `final.share` is."""

    def said(steps, *overrides, trained=small):
        trials = [compose("train", [*trained, f"train.steps={n or 'null'}"]) for n in (steps, 0)]
        given = Configuration(compose("promote", [*small[:2], *overrides]))
        return kept_steps(trials, given.final)

    assert said(None) is None
    assert said(30, "final.steps=9") is None
    assert said(30, "final.share=0.3") == (
        "final training: 30 steps an epoch, as the trials were trained; final.steps= or budget= "
        "sets others"
    )
    assert said(30, trained=[*small[:2], "model=threshold"]) is None  # it is fitted at once


@pytest.mark.parametrize("mode", ["grid", "patch"])
def test_it_learns_from_images_with_shifted_intensities(final, mode):
    """Each image by its own amount, with the probability and the size of the promotion."""
    tree = final(mode, "final.shift_sd=0.3", "final.shift_probability=0.5")
    plain = images(Configuration(tree).with_values({"train.shift_probability": 0.0}).tree)
    shifts = images(tree) - plain
    amount = shifts[:, 0, 0, 0]
    np.testing.assert_allclose(shifts, np.broadcast_to(amount[:, None, None, None], shifts.shape),
                               atol=1e-5)  # fmt: skip
    moved = amount[np.abs(amount) > 1e-5]
    assert 0.3 <= len(moved) / len(amount) <= 0.7
    assert 0.2 <= moved.std() <= 0.4
