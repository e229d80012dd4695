"""Muon: momentum whose steps turn all directions of a kernel alike.

A gradient of a convolution is much larger along a few directions than along the others, and a step
along it goes on teaching what the network knows already. Muon (Jordan 2024) replaces the momentum
of a matrix by the nearest one whose directions are equally long. Keras has it for dense layers; a
kernel of a convolution is the matrix from what it sees of all channels to what it gives.

Written with few operations: each takes as long to be built into a graph as a small network's step,
and Keras' are a thousand of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("fibsem")
class Muon(keras.optimizers.Muon):
    """Keras' Muon for kernels of any rank, (..., channels).

    Everything with one axis (offsets, normalisations), and the layers that the arguments exclude,
    has AdamW's steps. Steps are as long as AdamW's at the same learning rate (Liu et al. 2025).

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
        """Give every variable's step, beside the rate, the powers of AdamW: worked out once."""
        step = tf.cast(self.iterations.value, tf.float32) + 1.0
        powers = [beta**step for beta in (self.adam_beta_1, self.adam_beta_2)]
        rates = (tf.convert_to_tensor(learning_rate), *powers)
        super()._backend_update_step(grads, trainable_variables, rates)

    def update_step(
        self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tuple[tf.Tensor, ...]
    ) -> None:
        """Make the step of one variable."""
        rate, *powers = learning_rate
        place = self._get_variable_index(variable)
        momentum, velocity = self.momentums[place].value, self.adam_velocities[place]
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
        """A matrix with directions of about the same length, by Newton and Schulz' iteration.

        Every step multiplies the matrix x by a polynomial of its product with itself, s. All of
        these commute, so that s alone goes through the steps, a few channels wide, and the many
        rows of x are met twice, not at every step as in Keras' order.
        """
        tall = x.shape[0] > x.shape[1]
        a, b, c = (tf.constant(f, x.dtype) for f in (self.muon_a, self.muon_b, self.muon_c))
        x = x / (tf.norm(x) + 1e-7)
        small = tf.matmul(x, x, transpose_a=tall, transpose_b=not tall)
        one = tf.eye(min(x.shape), dtype=x.dtype)
        factor = polynomial = a * one + small @ (b * one + c * small)
        for _ in range(steps - 1):
            small = small @ polynomial @ polynomial
            polynomial = a * one + small @ (b * one + c * small)
            factor = factor @ polynomial
        return x @ factor if tall else factor @ x
