"""Weights that are averaged over the steps of a training: these are scored and kept.

Steps go on from the weights as they are. An average needs no schedule to come to rest, and a single
bad step hardly moves it (Polyak and Juditsky 1992).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Weights = list[npt.NDArray[np.float32]]

#: Batches that running statistics are estimated from.
BATCHES = 8


class Average:
    """Exponential average of a network's trainable weights.

    In the beginning it is over fewer steps: the k-th, counted from 1, has the weight
    max(1 - decay, 9 / (k + 8)).

    Parameters
    ----------
    model
        The network, compiled.
    decay
        Weight of the average against a step; 0 keeps the weights themselves.

    Attributes
    ----------
    raw
        All weights that the steps go on from, where the network holds the averaged ones; else
        empty.
    """

    def __init__(self, model: keras.Model, decay: float) -> None:
        self.model, self.decay = model, decay
        self.raw: Weights = []
        self._values = [tf.Variable(v, trainable=False) for v in model.trainable_variables]
        self._update = tf.function(self._blend)

    def update(self) -> None:
        """Take the weights after a step in."""
        if self.decay:
            self._update()

    def _blend(self) -> None:
        count = tf.cast(self.model.optimizer.iterations, tf.float32)
        share = tf.maximum(1.0 - self.decay, 9.0 / (count + 8.0))
        share = tf.minimum(share, 1.0)
        for value, weight in zip(self._values, self.model.trainable_variables, strict=True):
            value.assign_add(share * (tf.convert_to_tensor(weight) - value))

    def scored(self, batches: Iterable[tuple[npt.NDArray[np.float32], ...]]) -> None:
        """Put the averaged weights into the network, with statistics of theirs on some batches."""
        if self.decay:
            self.raw = self.model.get_weights()
            for weight, value in zip(self.model.trainable_variables, self._values, strict=True):
                weight.assign(value)
        estimate_statistics(self.model, batches)

    def resume(self) -> None:
        """Put the weights into the network that the steps go on from."""
        if self.raw:
            self.model.set_weights(self.raw)
            self.raw = []

    def restore(self, raw: Weights) -> None:
        """Take up the averages that the network holds, and the weights behind them."""
        self.raw = raw
        for value, weight in zip(self._values, self.model.trainable_variables, strict=True):
            value.assign(tf.convert_to_tensor(weight))


def estimate_statistics(
    model: keras.Model, batches: Iterable[tuple[npt.NDArray[np.float32], ...]]
) -> None:
    """Set the running statistics of normalisations to those of some batches.

    The ones that a training leaves are of weights that it had before.
    """
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    if not norms:
        return
    inner = keras.Model(model.input, [norm.input for norm in norms])

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def moments(images: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        maps = inner(images, training=True)
        return [tf.nn.moments(x, (0, 1, 2)) for x in (maps if len(norms) > 1 else [maps])]

    seen = [moments(tf.constant(images)) for images, *_ in itertools.islice(batches, BATCHES)]
    for k, norm in enumerate(norms):
        means, variances = (np.array([batch[k][j] for batch in seen]) for j in (0, 1))
        mean = means.mean(0)
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign((variances + (means - mean) ** 2).mean(0))
