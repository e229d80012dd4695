"""Seeded networks are Keras's own, and what TensorFlow has prepared stays."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fibsem.geometry import Nbhd
from fibsem.models import build_for_steps
from fibsem.models.spec import resolve
from fibsem.training.steps import traced
from fibsem.training.steps.fit import train
from fibsem.training.steps.learner import Learner, learned_state
from fibsem.training.steps.seeding import seed_networks


@pytest.mark.parametrize(("name", "dropout"), [("2dcnn", "dropout"), ("unet", "spatial_dropout")])
def test_networks_are_those_of_keras_own_seed(name, dropout):
    """Weights, and the states of the generators of dropout."""
    spec = resolve(name, Nbhd(3, 11, 11), "valid", {"filters": 4, "blocks": 1, dropout: 0.1})

    def built(seeded, seed):
        seeded(seed)
        return [np.asarray(value) for value in learned_state(build_for_steps(spec))]

    ours, theirs, others = (
        built(seed_networks, 7), built(keras.utils.set_random_seed, 7), built(seed_networks, 8)
    )  # fmt: skip
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(np.any(one != other) for one, other in zip(ours, others, strict=True))


def test_what_is_prepared_stays_for_a_traced_network_alone(material, monkeypatch):
    """TensorFlow discards it whenever its own seed is set; of former networks it takes memory."""
    setting = material("train.epochs=1")
    tf.random.set_seed(5)
    train(setting, learner=Learner.of(setting.config))
    train(setting)  # with a network of a training before, as all in these tests
    assert global_seed() == 5
    monkeypatch.setattr(traced, "take", lambda computed: None)
    train(setting)
    assert global_seed() == setting.config.seed != 5


def global_seed():
    return tf.compat.v1.get_seed(None)[0]
