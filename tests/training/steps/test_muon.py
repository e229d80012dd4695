"""A step of Muon turns all directions of a kernel alike."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fibsem.training.steps import muon
from fibsem.training.steps.muon import Muon

RATE = 0.01


def stepped(optimizer, values, gradients):
    """Values of a variable before and after one step for each gradient."""
    variable = keras.Variable(values, name="kernel")
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return variable.numpy()


def normal(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


@pytest.mark.parametrize("shape", [(3, 3, 16, 8), (2, 2, 4, 16), (3, 1, 3, 5, 6), (1, 1, 1, 4)])
def test_all_directions_of_a_kernel_are_as_long(shape):
    """Singular values lie between 0.7 and 1.2 where the gradient's differ by a factor of 100."""
    tall = normal((int(np.prod(shape[:-1])), shape[-1]))
    left, _, right = np.linalg.svd(tall, full_matrices=False)
    gradient = (left * np.geomspace(1, 0.01, left.shape[1])) @ right
    step = -stepped(Muon(RATE), np.zeros(shape, "f4"), [gradient.reshape(shape).astype("f4")])
    longest = RATE * 0.2 * np.sqrt(max(tall.shape))
    lengths = np.linalg.svd(step.reshape(tall.shape), compute_uv=False) / longest
    assert lengths.min() > 0.6, lengths
    assert lengths.max() < 1.25, lengths


def test_a_kernel_of_one_pixel_has_the_steps_of_a_dense_layer():
    """Those of Keras' own Muon, momentum and its look ahead included."""
    values, gradients = normal((12, 7)), [normal((12, 7), seed) for seed in (1, 2, 3)]
    dense = stepped(keras.optimizers.Muon(RATE), values, gradients)
    kernels = [gradient.reshape(1, 1, 12, 7) for gradient in gradients]
    kernel = stepped(Muon(RATE), values.reshape(1, 1, 12, 7), kernels)
    np.testing.assert_allclose(kernel[0, 0], dense, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_a_step_is_as_long_whatever_the_loss_is_multiplied_by(scale):
    gradient = normal((3, 3, 4, 8))
    one, other = (
        stepped(Muon(RATE), np.zeros_like(gradient), [factor * gradient]) for factor in (1, scale)
    )
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


def test_kernels_of_as_many_channels_share_what_is_traced():
    """It was traced for each kernel: a quarter of the operations of a step."""
    before = muon._iterated.experimental_get_tracing_count()
    shapes = [(3, 3, 9, 29), (3, 3, 29, 29), (1, 1, 40, 29), (3, 3, 29, 31)]
    kernels = [keras.Variable(normal(shape)) for shape in shapes]
    optimizer = Muon(RATE)
    optimizer.build(kernels)
    step = tf.function(lambda *grads: optimizer.apply(grads, kernels), autograph=False)
    for seed in (1, 2):
        step(*(tf.constant(normal(shape, seed)) for shape in shapes))
    assert muon._iterated.experimental_get_tracing_count() - before == 2


def test_offsets_and_excluded_layers_have_the_steps_of_adamw():
    for shape, excluded in (((5,), []), ((3, 3, 2, 4), ["kernel"])):
        values, gradient = normal(shape), normal(shape, 1)
        ours = stepped(
            Muon(RATE, exclude_layers=excluded, adam_weight_decay=0.1), values, [gradient]
        )
        adamw = keras.optimizers.AdamW(RATE, weight_decay=0.1, epsilon=1e-7)
        np.testing.assert_allclose(ours, stepped(adamw, values, [gradient]), rtol=1e-5, atol=1e-6)
