"""A first convolution that knows slices as ordered: in three dimensions, over windows (b, y, x, z).

As channels of a 2D convolution every slice of a deep window has weights of its own, and none is
beside another one. In three dimensions one kernel, :data:`DEPTH` slices deep, goes along z as it
goes along y and x. Grey values are one channel, so that this is a 2D convolution whose channels are
``DEPTH`` neighbouring slices, of every run of them: here the runs lie behind one another in the
batch, where padding, strides and normalisations (one statistic of all planes) are those of any
other map, and so are the weights of a window that is not deeper.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from fibsem.models.blocks import Style, conv
from fibsem.models.hyperparameters import DEPTH


def conv_slices(
    x: tf.Tensor, filters: int, kernel: int, name: str, style: Style, *, strides: int = 1
) -> tf.Tensor:
    """One convolution of (batch, y, x, z) in three dimensions, with its activation.

    Along z it has a stride of 1 and no padding: of z slices come z - 2 planes, whose filters are
    put side by side for the convolution that follows, (batch, y, x, planes * filters). Where the
    level has no other one, another of a single pixel brings them together, which takes no margin.
    A window of at most ``DEPTH`` slices has one plane, that of :func:`~fibsem.models.blocks.conv`.
    """
    planes = x.shape[-1] - DEPTH + 1
    if planes > 1:
        x = Runs(DEPTH, name="runs")(x)
    x = conv(x, filters, kernel, name, style, strides=strides)
    if planes > 1:
        x = SideBySide(planes, name="planes")(x)
        if style.convs == 1:
            x = conv(x, filters, 1, f"{name}_mix", style)
    return x


@keras.saving.register_keras_serializable("fibsem")
class Runs(keras.layers.Layer):
    """Every run of ``depth`` neighbouring slices as a window: (b, y, x, z) to (b n, y, x, depth).

    There are n = z - depth + 1 of them, those of one window behind one another.
    """

    def __init__(self, depth: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.depth = depth

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        starts, shape = range(self._count(inputs.shape)), tf.shape(inputs)
        runs = tf.stack([inputs[..., z : z + self.depth] for z in starts], axis=1)
        return tf.reshape(runs, (-1, shape[1], shape[2], self.depth))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """A window of the batch for each run of slices."""
        batch, y, x, _ = shape
        return (None if batch is None else batch * self._count(shape), y, x, self.depth)

    def _count(self, shape: tuple[int | None, ...]) -> int:
        depth = shape[-1]
        assert depth is not None
        return depth - self.depth + 1

    def get_config(self) -> dict[str, object]:
        """Arguments of the layer, for Keras' own format."""
        return {**super().get_config(), "depth": self.depth}


@keras.saving.register_keras_serializable("fibsem")
class SideBySide(keras.layers.Layer):
    """The maps of so many planes as channels of one: (b planes, y, x, c) to (b, y, x, planes c)."""

    def __init__(self, planes: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.planes = planes

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        shape, filters = tf.shape(inputs), inputs.shape[-1]
        apart = tf.reshape(inputs, (-1, self.planes, shape[1], shape[2], filters))
        together = tf.transpose(apart, (0, 2, 3, 1, 4))
        return tf.reshape(together, (-1, shape[1], shape[2], self.planes * filters))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Channels of all planes."""
        batch, y, x, filters = shape
        assert filters is not None
        return (None if batch is None else batch // self.planes, y, x, self.planes * filters)

    def get_config(self) -> dict[str, object]:
        """Arguments of the layer, for Keras' own format."""
        return {**super().get_config(), "planes": self.planes}
