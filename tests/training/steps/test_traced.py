"""Trainings one after another share the graph of a step where it is the same, and nothing else."""

import numpy as np
import pytest

from fibsem.models import cnn2d
from fibsem.training.steps import learner, traced
from fibsem.training.steps.fit import train

pytestmark = pytest.mark.usefixtures("one_network_left")


@pytest.mark.parametrize(
    "network",
    [pytest.param(["model.dropout=0.2"], id="2dcnn"),
     pytest.param(["model=unet", "model.blocks=1", "model.filters=2", "model.spatial_dropout=0.3",
                   "train.grid=16", "train.windows=2"], id="unet", marks=pytest.mark.slow)],
)  # fmt: skip
def test_the_next_training_learns_what_it_would_alone(material, monkeypatch, network):
    """Another seed, rate, length and part of the data; values of steps, averages and dropout."""
    compiled, made = learner.compiled_for_steps, []
    monkeypatch.setattr(
        learner, "compiled_for_steps", lambda *what: made.append(what) or compiled(*what)
    )
    always = [*network, "train.average=0.9"]
    first = train(material(*always, "train.epochs=2"))
    kept = first.model.get_weights()
    other = material(*always, "seed=3", "train.learning_rate=0.02", "train.epochs=1")
    after = train(other)
    assert len(made) == 1
    for one, same in zip(kept, first.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)
    traced._former.clear()
    alone = train(other)
    assert len(made) == 2
    assert after.history[0].train_loss == alone.history[0].train_loss
    assert after.best.val == alone.best.val
    for one, same in zip(after.model.get_weights(), alone.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)


def test_a_training_builds_one_network_where_the_steps_are_traced(material, monkeypatch):
    """Whose first weights are those of the steps, and was built twice."""
    quick = "train.optimizer=sgd", "train.epochs=1", "train.steps=1"
    train(material(*quick))
    network, built = cnn2d.build, []
    monkeypatch.setattr(
        cnn2d, "build", lambda spec, **how: built.append(spec) or network(spec, **how)
    )
    train(material(*quick, "seed=3"))
    assert len(built) == 1


@pytest.mark.parametrize(
    ("override", "same"),
    [("seed=5", True), ("train.epochs=7", True), ("train.augment=false", True),
     ("train.teacher=models:/fibsem/1", True), ("train.teacher_share=1", True),
     ("model.filters=5", False), ("nbhd=13x13x3", False), ("train.optimizer=adam", False),
     ("train.momentum=0.5", False), ("train.clip=2", False), ("train.loss=bce_iou", False),
     ("train.weight_decay=0.1", False), ("train.grid=4", False), ("train.mode=patch", False)],
)  # fmt: skip
def test_only_the_graph_of_an_equal_step_is_taken(material, override, same):
    traced._former[:] = [(computation(material()), "network")]
    assert traced.take(computation(material(override))) == ("network" if same else None)
    assert traced.take(computation(material())) is None  # it is used, or let go


def computation(setting):
    """What the steps of a training compute."""
    config = setting.config
    return traced.Computation(config.spec, config.train.updates, setting.step_shape)
