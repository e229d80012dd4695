"""A network while it learns: in the form that steps are made with, and in the form that is scored.

Steps go on from the weights as they are; scored and kept are their averages. An average needs no
schedule to come to rest, and a single bad step hardly moves it (Polyak and Juditsky 1992). The two
networks have the same layers; of a U-Net, steps are made in a form that costs a half
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
from fibsem.inference.model.predict import compiled
from fibsem.models import build, build_for_steps, one_form
from fibsem.models.spec import ModelSpec
from fibsem.training.beginning.fitting import Fit
from fibsem.training.beginning.start import Start, start_of
from fibsem.training.steps.losses import make_loss
from fibsem.training.steps.optimizer import make_optimizer
from fibsem.training.steps.precision import precision_of

Weights = list[npt.NDArray[np.float32]]

#: Batches that running statistics are estimated from.
BATCHES = 8


class Learner:
    """The two networks of a training, and the average of one in the other.

    In the beginning the average is over fewer steps: the k-th, counted from 1, has the weight
    max(1 - decay, 9 / (k + 8)).

    Parameters
    ----------
    steps
        Network that steps are made with, compiled.
    scored
        Network with the same weights in the form that is used; it holds the average.
    decay
        Weight of the average against a step; 0 takes the weights themselves.
    strategy
        TensorFlow's distribution strategy that both were built in.
    start
        What new weights are replaced by where they fit.

    Attributes
    ----------
    forward
        The scored network as a function on arrays.
    fit
        How much of it ``start`` filled; None without any.
    strategy
        The one given, or TensorFlow's default.
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
        """The networks of a configuration, with the weights that the random state and a start give.

        The strategy is that of all accelerators of this machine, if none is given. With ``steps``
        of another training, that network is used again, and begins anew.
        """
        strategy = strategy or default_strategy()
        with strategy.scope():
            network = compiled_for_steps(config) if steps is None else steps
            if steps is not None:
                keras.utils.set_random_seed(config.seed)
            scored = without_dropout(build(config.spec))
            start = start_of(config.train.init, config.tracking.absolute_uri)
            own = start and start.of(config.spec.name)
            learner = cls(network, scored, config.train.average, strategy, own)
            if steps is None:
                learner.level()
        if steps is not None:
            learner.begin(config.spec, config.seed, begun=one_form(config.spec))
        return learner

    def level(self) -> None:
        """Give the scored network the weights of the other one."""
        for value, weight in self._pairs():
            value.assign(weight)

    def begin(self, spec: ModelSpec, seed: int, *, begun: bool = False) -> None:
        """Forget all that was learned: weights as :meth:`of` gives them with this seed.

        Where the scored network is new, of this seed and of the form of the steps, it has
        ``begun`` with these weights, and no other one is built for them.
        """
        if not begun:
            keras.utils.set_random_seed(seed)
        with self.strategy.scope():
            fresh = self.scored if begun else build_for_steps(spec)
            if self.start:
                self.start.give(fresh)
            for variable, other in zip(
                learned_state(self.steps), learned_state(fresh), strict=True
            ):  # fmt: skip
                variable.assign(other)
            for variable in self.steps.optimizer.variables:
                variable.assign(tf.zeros_like(variable))
            self.level()

    def update(self) -> None:
        """Take the weights after a step in."""
        if self.decay:
            self._update()

    def settle(self, batches: Iterable[tuple[npt.NDArray[np.float32], ...]]) -> None:
        """Make the scored network ready: statistics of its own weights, on some batches."""
        if not self.decay:
            self.level()
        self._statistics.estimate(batches)

    def _pairs(self) -> list[tuple[Any, Any]]:
        trained = self.steps.trainable_variables
        return list(zip(self.scored.trainable_variables, trained, strict=True))

    def _blend(self) -> None:
        count = tf.cast(self.steps.optimizer.iterations, tf.float32)
        share = tf.maximum(1.0 - self.decay, 9.0 / (count + 8.0))
        share = tf.minimum(share, 1.0)
        for value, weight in self._pairs():
            value.assign_add(share * (tf.convert_to_tensor(weight) - value))


def default_strategy() -> tf.distribute.Strategy:
    """Mirror over several accelerators, else TensorFlow's default (one accelerator, or the CPU)."""
    accelerators = tf.config.list_logical_devices("GPU")
    if len(accelerators) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in accelerators])
    return tf.distribute.get_strategy()


def compiled_for_steps(config: RunConfig) -> keras.Model:
    """The network of a configuration with its optimiser and loss."""
    settings = config.train
    network = build_for_steps(config.spec, precision_of(settings.precision, config.spec))
    network.compile(
        optimizer=make_optimizer(settings),
        loss=make_loss(settings.loss, settings.loss_weight),
        jit_compile=False,
    )
    # a first step that makes the optimiser's variables would be traced twice
    network.optimizer.build(network.trainable_variables)
    return network


def learned_state(network: keras.Model) -> list[keras.Variable]:
    """Weights, and the counters of the dropout generators, which no weights file holds."""
    return [*network.weights, *(layer.seed_generator.state for layer in _dropout_of(network))]


def without_dropout(network: keras.Model) -> keras.Model:
    """A network whose dropout drops nothing, in the mode of training either.

    Statistics are taken in that mode, of what scores are made with. The layers stay where they are:
    without them the weights of parallel paths would be in another order than those of the steps.
    """
    for layer in _dropout_of(network):
        layer.rate = 0.0
    return network


def _dropout_of(network: keras.Model) -> list[keras.layers.Dropout]:
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]


class Statistics:
    """The running statistics of a network's normalisations.

    Those that a training leaves are of weights that it had before.
    """

    def __init__(self, network: keras.Model) -> None:
        norms = keras.layers.BatchNormalization
        self.norms = [layer for layer in network.layers if isinstance(layer, norms)]
        if self.norms:
            self._before = keras.Model(network.input, [norm.input for norm in self.norms])
            self._moments = tf.function(self._of_batch, reduce_retracing=True, autograph=False)

    def estimate(self, batches: Iterable[tuple[npt.NDArray[np.float32], ...]]) -> None:
        """Set them to those of some batches, with the weights that the network has."""
        if not self.norms:
            return
        few = itertools.islice(batches, BATCHES)
        moments = [self._moments(tf.constant(images)) for images, *_ in few]
        for k, norm in enumerate(self.norms):
            means, variances = (np.array([batch[k][j] for batch in moments]) for j in (0, 1))
            mean = means.mean(0)
            norm.moving_mean.assign(mean)
            norm.moving_variance.assign((variances + (means - mean) ** 2).mean(0))

    def _of_batch(self, images: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        maps = self._before(images, training=True)
        return [tf.nn.moments(x, (0, 1, 2)) for x in (maps if len(self.norms) > 1 else [maps])]
