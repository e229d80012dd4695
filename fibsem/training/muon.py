"""Muon: momentum whose steps turn all directions of a kernel alike.

A gradient of a convolution is much larger along a few directions than along the others, and a step
along it goes on teaching what the network knows already. Muon (Jordan 2024) replaces the momentum
of a matrix by the nearest one whose directions are equally long. Keras has it for dense layers; a
kernel of a convolution is the matrix from what it sees of all channels to what it gives.
"""

from __future__ import annotations

import keras
from keras import ops


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

    def _muon_update_step(
        self,
        gradient: keras.KerasTensor,
        variable: keras.Variable,
        lr: keras.KerasTensor,
        m: keras.Variable,
    ) -> None:
        self.assign(m, self.momentum * m + gradient)
        seen_ahead = gradient + self.momentum * m
        matrix = ops.reshape(seen_ahead, (-1, variable.shape[-1]))
        step = self.lr_adjust(lr * self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, ops.reshape(step, variable.shape))

    def zeropower_via_newtonschulz5(self, x: keras.KerasTensor, steps: int) -> keras.KerasTensor:
        """A matrix with directions of about the same length, by Newton and Schulz' iteration.

        The polynomial is worked out of the small product of the matrix with itself; in Keras' order
        it takes a tenth of a small network's step of training.
        """
        tall = x.shape[0] > x.shape[1]
        same = self.muon_a * ops.eye(min(x.shape), dtype=x.dtype)
        x = x / (ops.norm(x) + 1e-7)
        for _ in range(steps):
            turned = ops.transpose(x)
            small = turned @ x if tall else x @ turned
            polynomial = same + self.muon_b * small + self.muon_c * small @ small
            x = x @ polynomial if tall else polynomial @ x
        return x
