"""Muon optimiser: momentum orthogonalised so that all directions of a kernel get equal steps.

The gradient of a convolution is much larger along a few directions than along the others, so that
plain steps mostly reinforce what the network has learned already. Muon (Jordan 2024) replaces the
momentum of a matrix by the nearest one whose directions are equally long. Keras has it for dense
layers; here a convolution kernel is the matrix from its receptive field in all input channels to
the output channels.

The code uses few operations, because each takes as long to trace as a step of a small network, and
the implementation of Keras has a thousand.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("fibsem")
class Muon(keras.optimizers.Muon):
    """Muon of Keras for kernels of any rank, (..., channels).

    Variables with one axis (biases, normalisations) and excluded layers are updated by AdamW. The
    steps are as long as those of AdamW at the same learning rate (Liu et al. 2025).

    Examples
    --------
    >>> network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3)])
    >>> network.compile(optimizer=Muon(0.01), loss="mse")
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        excluded = any(name in variable.path for name in self.exclude_layers)
        return excluded or len(variable.shape) < 2

    def _apply_weight_decay(self, variables: Sequence[keras.Variable]) -> None:
        rate = tf.convert_to_tensor(self.learning_rate)
        decays = {value: rate * value for value in (self.weight_decay, self.adam_weight_decay)}
        for variable in filter(self._use_weight_decay, variables):
            adamw = self._should_use_adamw(variable)
            decay = decays[self.adam_weight_decay if adamw else self.weight_decay]
            value = tf.convert_to_tensor(variable.value)
            variable.assign(value - value * decay)

    def _backend_update_step(
        self,
        grads: Sequence[tf.Tensor],
        trainable_variables: Sequence[keras.Variable],
        learning_rate: keras.Variable,
    ) -> None:
        """Pass the rate and the powers of AdamW's betas, computed once, to each variable's step."""
        step = tf.cast(self.iterations.value, tf.float32) + 1.0
        powers = [beta**step for beta in (self.adam_beta_1, self.adam_beta_2)]
        rates = (tf.convert_to_tensor(learning_rate), *powers)
        super()._backend_update_step(grads, trainable_variables, rates)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tuple[tf.Tensor, ...]
    ) -> None:
        """Update one variable, with Muon or AdamW."""
        rate, *powers = learning_rate
        k = self._get_variable_index(variable)
        momentum, velocity = self.momentums[k].value, self.adam_velocities[k]
        if velocity is None:
            self._muon_update_step(gradient, variable, rate, momentum)
        else:
            self._adamw_update_step(gradient, variable, rate, momentum, velocity.value, powers)

    def _adamw_update_step(
        self,
        gradient: tf.Tensor,
        variable: tf.Variable,
        learning_rate: tf.Tensor,
        m: tf.Variable,
        v: tf.Variable,
        powers: Sequence[tf.Tensor],
    ) -> None:
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle, m=m.handle, v=v.handle, beta1_power=powers[0],
            beta2_power=powers[1], lr=learning_rate * self.adam_lr_ratio, beta1=self.adam_beta_1,
            beta2=self.adam_beta_2, epsilon=self.epsilon, grad=gradient,
        )  # fmt: skip

    def _muon_update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, lr: tf.Tensor, m: tf.Variable
    ) -> None:
        share = tf.constant(self.momentum, gradient.dtype)
        momentum = share * tf.convert_to_tensor(m) + gradient
        m.assign(momentum)
        lookahead = gradient + share * momentum
        matrix = tf.reshape(lookahead, (-1, variable.shape[-1]))
        step = self.zeropower_via_newtonschulz5(matrix, self.ns_steps)
        length = lr * (self.rms_rate * max(matrix.shape) ** 0.5)
        variable.assign_sub(tf.reshape(length * step, variable.shape))

    def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int) -> tf.Tensor:
        """Orthogonalise a matrix approximately by Newton-Schulz iteration.

        Every step multiplies the matrix x by a polynomial of its product with itself, s. These
        polynomials commute, so that only s, a few channels wide, is iterated; x with its many rows
        is multiplied twice rather than in every step as in Keras.
        """
        tall = x.shape[0] > x.shape[1]
        x = x / (tf.norm(x) + 1e-7)
        small = tf.matmul(x, x, transpose_a=tall, transpose_b=not tall)
        factor = _iterated(small, (self.muon_a, self.muon_b, self.muon_c), steps)
        return x @ factor if tall else factor @ x


@partial(tf.function, autograph=False)
def _iterated(small: tf.Tensor, coefficients: tuple[float, float, float], steps: int) -> tf.Tensor:
    """Return the product of the polynomials of all steps; traced once for each number of channels.

    With fifty operations for each of two dozen kernels, it was a quarter of what a step traces.
    """
    a, b, c = (tf.constant(factor, small.dtype) for factor in coefficients)
    identity = tf.eye(small.shape[0], dtype=small.dtype)
    factor = polynomial = a * identity + small @ (b * identity + c * small)
    for _ in range(steps - 1):
        small = small @ polynomial @ polynomial
        polynomial = a * identity + small @ (b * identity + c * small)
        factor = factor @ polynomial
    return factor
