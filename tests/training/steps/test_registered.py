"""A training leaves nothing to TensorFlow's register of gradients, which holds whole graphs."""

import gc

import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

from fibsem.models import unet
from fibsem.training.steps import registered, traced
from fibsem.training.steps.fit import train


def graphs_of_steps():
    gc.collect()
    return [
        each for each in gc.get_objects()
        if type(each).__name__ == "FuncGraph" and each.name == "one_step_on_data"
    ]  # fmt: skip


def names():
    return {name for name in ops.gradient_registry._registry if "CustomGradient" in name}


@pytest.mark.slow
@pytest.mark.usefixtures("one_network_left")
@pytest.mark.parametrize("model", ["2dcnn", "unet"])
def test_the_graph_of_a_step_goes_with_its_training(material, model, monkeypatch):
    used, interleaved = [], unet._interleaved
    monkeypatch.setattr(unet, "_interleaved", lambda maps: used.append(1) or interleaved(maps))
    before, kept = len(graphs_of_steps()), names()
    for filters in (2, 3):
        own = ["model.blocks=1", "train.grid=16", "train.windows=2"]
        # the gradients count, not their use
        plain = ["train.optimizer=sgd", "train.epochs=1", "train.steps=1"]
        train(material(f"model={model}", *own, f"model.filters={filters}", *plain))
        traced._former.clear()  # its network is left to one that is like it
    assert len(graphs_of_steps()) == before
    assert names() == kept
    assert len(used) == 2 * (model == "unet")  # the gradient of our own is that of steps


def test_only_what_is_registered_in_the_block_is_forgotten():
    @tf.custom_gradient
    def twice(x):
        return 2 * x, lambda upstream: 2 * upstream

    traced_before = tf.function(lambda x: tf.gradients(twice(x), x))
    traced_before(tf.constant(1.0))
    kept = names()
    with registered.forgotten():
        tf.function(lambda x: tf.gradients(twice(x), x))(tf.constant(1.0))
        assert names() > kept
    assert names() == kept
