"""The two networks of a training: one makes the steps, the other holds the weight average.

The averaged weights are those that are scored and kept. An average converges without a schedule,
and a single bad step hardly moves it (Polyak and Juditsky 1992). The two networks have the same
layers; a U-Net makes its steps in a form that costs half as much
(:func:`fibsem.models.unet.build_for_steps`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fibsem.config import RunConfig
from fibsem.config.updates import Updates
from fibsem.inference.model.predict import compiled
from fibsem.models import build, build_for_steps, one_form
from fibsem.models.spec import ModelSpec
from fibsem.training.beginning.fitting import Fit
from fibsem.training.beginning.start import Start, start_of
from fibsem.training.steps.losses import make_loss
from fibsem.training.steps.optimizer import make_optimizer
from fibsem.training.steps.precision import precision_of
from fibsem.training.steps.seeding import seed_networks

Weights = list[npt.NDArray[np.float32]]

#: Number of batches from which running statistics are estimated.
BATCHES = 8


class Learner:
    """A network in training, and a second one that holds the average of its weights.

    At first the average is over fewer steps: the k-th step, counted from 1, has the weight
    max(1 - decay, 9 / (k + 8)).

    Parameters
    ----------
    steps
        Compiled network that makes the steps.
    scored
        Network with the same weights in the form for inference; it holds the average.
    decay
        Weight of the previous average at each step; 0 switches averaging off.
    strategy
        Distribution strategy that both networks were built in.
    start
        Initial weights from another model, or None.

    Attributes
    ----------
    forward
        The scored network as a function on arrays.
    fit
        How much of the network ``start`` filled, or None without a start.
    strategy
        The given strategy, or TensorFlow's default.
    """

    def __init__(
        self,
        steps: keras.Model,
        scored: keras.Model,
        decay: float,
        strategy: tf.distribute.Strategy | None = None,
        start: Start | None = None,
    ) -> None:
        self.steps, self.scored, self.decay = steps, scored, decay
        self.start = start
        self.fit: Fit | None = start.give(steps) if start else None
        self.strategy = strategy or tf.distribute.get_strategy()
        self.forward = compiled(scored)
        self._statistics = Statistics(scored)
        self._update = tf.function(self._blend, autograph=False)

    @classmethod
    def of(
        cls,
        config: RunConfig,
        strategy: tf.distribute.Strategy | None = None,
        steps: keras.Model | None = None,
    ) -> Learner:
        """Build the networks of a configuration, initialised at random and from ``train.init``.

        The default strategy covers all accelerators of the machine. If the network ``steps`` of
        another training is given, it is reset and reused.
        """
        strategy, train = strategy or default_strategy(), config.train
        with strategy.scope():
            network = steps
            if steps is None:
                network = compiled_for_steps(config.spec, train.updates, train.rates.rate)
            else:
                seed_networks(config.seed)
            scored = without_dropout(build(config.spec))
            start = start_of(train.init, config.tracking.absolute_uri)
            initial = start and start.of(config.spec.name)
            learner = cls(network, scored, train.average, strategy, initial)
            if steps is None:
                learner.level()
        if steps is not None:
            learner.begin(config.spec, config.seed, begun=one_form(config.spec))
        return learner

    def level(self) -> None:
        """Copy the weights of the network in training to the scored network."""
        for value, weight in self._pairs():
            value.assign(weight)

    def begin(self, spec: ModelSpec, seed: int, *, begun: bool = False) -> None:
        """Reset weights and optimiser to the state that :meth:`of` gives with this seed.

        Set ``begun`` if the scored network is new, built with this seed and in the form of the
        steps: its weights are then copied, and no further network is built.
        """
        if not begun:
            seed_networks(seed)
        with self.strategy.scope():
            fresh = self.scored if begun else build_for_steps(spec)
            if self.start:
                self.start.give(fresh)
            for variable, value in zip(
                learned_state(self.steps), learned_state(fresh), strict=True
            ):  # fmt: skip
                variable.assign(value)
            for variable in self.steps.optimizer.variables:
                variable.assign(tf.zeros_like(variable))
            self.level()

    def update(self) -> None:
        """Update the average with the weights after a step."""
        if self.decay:
            self._update()

    def settle(self, batches: Iterable[tuple[npt.NDArray[np.float32], ...]]) -> None:
        """Prepare the scored network: estimate its normalisation statistics on some batches."""
        if not self.decay:
            self.level()
        self._statistics.set_from(batches)

    def _pairs(self) -> list[tuple[Any, Any]]:
        trained = self.steps.trainable_variables
        return list(zip(self.scored.trainable_variables, trained, strict=True))

    def _blend(self) -> None:
        count = tf.cast(self.steps.optimizer.iterations, tf.float32)
        share = tf.maximum(1.0 - self.decay, 9.0 / (count + 8.0))
        share = tf.minimum(share, 1.0)
        # TensorFlow's variables are traced faster than Keras's around them
        for value, weight in ((a.value, b.value) for a, b in self._pairs()):
            value.assign_add(share * (weight - value))


def default_strategy() -> tf.distribute.Strategy:
    """Return a mirrored strategy for several accelerators, else TensorFlow's default strategy."""
    accelerators = tf.config.list_logical_devices("GPU")
    if len(accelerators) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in accelerators])
    return tf.distribute.get_strategy()


def compiled_for_steps(spec: ModelSpec, updates: Updates, rate: float) -> keras.Model:
    """Build a network for steps, compiled with optimiser and loss, at a first learning rate."""
    network = build_for_steps(spec, precision_of(updates.precision, spec))
    network.compile(
        optimizer=make_optimizer(updates, rate),
        loss=make_loss(updates.loss, updates.loss_weight),
        jit_compile=False,
    )
    # if the first step created the optimiser's variables, it would be traced twice
    network.optimizer.build(network.trainable_variables)
    return network


def learned_state(network: keras.Model) -> list[keras.Variable]:
    """Return weights and the states of dropout generators, which weight files do not contain."""
    return [*network.weights, *(layer.seed_generator.state for layer in _dropout_of(network))]


def without_dropout(network: keras.Model) -> keras.Model:
    """Set the rate of all dropout layers of a network to 0, in place, and return the network.

    Normalisation statistics are estimated in training mode, but for the network as it is scored.
    The layers are kept, because without them the weights of parallel paths would be in another
    order than in the network that makes the steps.
    """
    for layer in _dropout_of(network):
        layer.rate = 0.0
    return network


def _dropout_of(network: keras.Model) -> list[keras.layers.Dropout]:
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]


class Statistics:
    """Estimator of the running statistics of a network's batch normalisations.

    The statistics collected during training belong to earlier weights.
    """

    def __init__(self, network: keras.Model) -> None:
        norms = keras.layers.BatchNormalization
        self.norms = [layer for layer in network.layers if isinstance(layer, norms)]
        if self.norms:
            self._before = keras.Model(network.input, [norm.input for norm in self.norms])
            self._moments = tf.function(self._batch_moments, reduce_retracing=True, autograph=False)

    def set_from(self, batches: Iterable[tuple[npt.NDArray[np.float32], ...]]) -> None:
        """Set the statistics from the first ``BATCHES`` batches, with the present weights."""
        if not self.norms:
            return
        few = itertools.islice(batches, BATCHES)
        moments = [self._moments(tf.constant(images)) for images, *_ in few]
        for k, norm in enumerate(self.norms):
            means, variances = (np.array([batch[k][j] for batch in moments]) for j in (0, 1))
            mean = means.mean(0)
            norm.moving_mean.assign(mean)
            norm.moving_variance.assign((variances + (means - mean) ** 2).mean(0))

    def _batch_moments(self, images: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        maps = self._before(images, training=True)
        return [tf.nn.moments(x, (0, 1, 2)) for x in (maps if len(self.norms) > 1 else [maps])]
