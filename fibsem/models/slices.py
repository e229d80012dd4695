"""First convolution in three dimensions, over windows (b, y, x, z), which respects slice order.

As channels of a 2D convolution every slice of a deep window has its own weights, and neighbouring
slices have no relation. In three dimensions one kernel, :data:`DEPTH` slices deep, moves along z as
it does along y and x. Since grey values are a single channel, this equals a 2D convolution whose
channels are ``DEPTH`` neighbouring slices, applied to every run of slices. The runs are stacked in
the batch, so that padding, strides and normalisation (one statistic for all planes) work as for any
other map, and the weights are those of a window of ``DEPTH`` slices.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from fibsem.models.blocks import Style, conv
from fibsem.models.hyperparameters import DEPTH


def conv_slices(
    x: tf.Tensor, filters: int, kernel: int, name: str, style: Style, *, strides: int = 1
) -> tf.Tensor:
    """Apply one convolution to (batch, y, x, z) in three dimensions, with its activation.

    Along z it has a stride of 1 and no padding: z slices give z - 2 planes, whose filters become
    channels for the next convolution, (batch, y, x, planes * filters). If the level has no other
    convolution, one of a single pixel, which needs no margin, combines them. For a window of at
    most ``DEPTH`` slices the result is that of :func:`~fibsem.models.blocks.conv`.
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
    """Split a window into runs of ``depth`` slices: (b, y, x, z) to (b n, y, x, depth).

    There are n = z - depth + 1 runs per window, which are consecutive in the batch.
    """

    def __init__(self, depth: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.depth = depth

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        starts, shape = range(self._count(inputs.shape)), tf.shape(inputs)
        runs = tf.stack([inputs[..., z : z + self.depth] for z in starts], axis=1)
        return tf.reshape(runs, (-1, shape[1], shape[2], self.depth))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with one batch entry per run of slices."""
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
    """Merge the planes of a window as channels: (b planes, y, x, c) to (b, y, x, planes c)."""

    def __init__(self, planes: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.planes = planes

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        shape, filters = tf.shape(inputs), inputs.shape[-1]
        apart = tf.reshape(inputs, (-1, self.planes, shape[1], shape[2], filters))
        together = tf.transpose(apart, (0, 2, 3, 1, 4))
        return tf.reshape(together, (-1, shape[1], shape[2], self.planes * filters))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with the channels of all planes."""
        batch, y, x, filters = shape
        assert filters is not None
        return (None if batch is None else batch // self.planes, y, x, self.planes * filters)

    def get_config(self) -> dict[str, object]:
        """Arguments of the layer, for Keras' own format."""
        return {**super().get_config(), "planes": self.planes}
