"""The fused normalisation is that of Keras, forwards, backwards and in use."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fibsem.models.normalisation import BatchNorm

PIXELS = 2 * 9 * 7
WEIGHTS = [np.random.default_rng(5).uniform(0.5, 2, 5).astype("f4") for _ in range(4)]


@pytest.fixture(scope="module")
def both():
    """Ours and Keras', with the same weights, after the same step of training."""
    rng = np.random.default_rng(0)
    maps = tf.constant(rng.normal(3, 2, (2, 9, 7, 5)).astype("f4"))
    wanted = tf.constant(rng.normal(size=(2, 9, 7, 5)).astype("f4"))
    layers = BatchNorm(), keras.layers.BatchNormalization()
    results = []
    for layer in layers:
        layer.build(maps.shape)
        layer.set_weights(WEIGHTS)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            out = layer(maps, training=True)
            loss = tf.reduce_sum(out * wanted)
        gradients = tape.gradient(loss, [maps, *(v.value for v in layer.trainable_variables)])
        results.append((out, gradients, layer.get_weights(), layer(maps, training=False)))
    return results


def test_training_gives_the_same_maps_and_gradients(both):
    (out, gradients, _, _), (as_keras, theirs, _, _) = both
    np.testing.assert_allclose(out, as_keras, atol=1e-5)
    for ours, other in zip(gradients, theirs, strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-4)


def test_running_statistics_follow_with_bessels_correction(both):
    (_, _, (_, _, mean, variance), _), (_, _, (_, _, their_mean, their_variance), _) = both
    np.testing.assert_allclose(mean, their_mean, rtol=1e-5)
    kept = 0.99  # of what it was
    of_batch, corrected = (now - kept * WEIGHTS[3] for now in (their_variance, variance))
    np.testing.assert_allclose(corrected / of_batch, PIXELS / (PIXELS - 1), atol=1e-3)


def test_in_use_it_is_a_fixed_scale_and_offset(both):
    maps = np.random.default_rng(1).normal(size=(1, 4, 4, 5)).astype("f4")
    (_, _, weights, _), _ = both
    layer, other = BatchNorm(), keras.layers.BatchNormalization()
    for one in (layer, other):
        one.build(maps.shape)
        one.set_weights(weights)
    np.testing.assert_array_equal(layer(maps, training=False), other(maps, training=False))
    np.testing.assert_array_equal(layer.get_weights()[2], weights[2])


def test_a_frozen_one_learns_no_statistics():
    layer, maps = BatchNorm(trainable=False), np.full((1, 4, 4, 2), 7.0, "f4")
    layer.build(maps.shape)
    before = layer.get_weights()
    layer(maps, training=True)
    for value, old in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


def test_it_is_stored_as_itself(tmp_path):
    window = keras.Input((4, 4, 2))
    keras.Model(window, BatchNorm(name="norm")(window)).save(tmp_path / "network.keras")
    with keras.device("cpu:0"):
        read = keras.models.load_model(tmp_path / "network.keras")
    assert isinstance(read.get_layer("norm"), BatchNorm)
