"""The parts of every network, in strided form (patch and grid) and in dilated form (dense).

Both forms have the same weights in the same order. In dilated form a 2 x 2 pool with stride 2
becomes a running maximum of pixels ``dilation`` apart with stride 1, and everything behind it is
dilated twice as far.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from fibsem.models.spec import Padding


class DilatedConv2D(keras.layers.Conv2D):
    """Valid convolution with the kernel spread out; for inference only.

    Keras goes through space-to-batch copies for a dilation; the native kernel of TensorFlow does
    not (1.3 times faster on a CPU), but has no gradient there. Bias and activation are the
    operations that TensorFlow fuses with the convolution.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel = tf.cast(self.kernel, inputs.dtype)
        outputs = tf.nn.conv2d(
            inputs, kernel, strides=1, padding="VALID", dilations=self.dilation_rate
        )
        return self.activation(tf.nn.bias_add(outputs, tf.cast(self.bias, inputs.dtype)))


@keras.saving.register_keras_serializable("fibsem")
class RunningMax2D(keras.layers.Layer):
    """Maximum over 2 x 2 pixels that lie ``dilation`` apart; stride 1."""

    def __init__(self, dilation: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.dilation = dilation

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        d = self.dilation
        rows = tf.maximum(inputs[:, :-d], inputs[:, d:])
        return tf.maximum(rows[:, :, :-d], rows[:, :, d:])


def conv(
    x: tf.Tensor,
    filters: int,
    kernel: int,
    name: str,
    *,
    padding: Padding = "valid",
    l2: float = 0.0,
    dilation: int | None = None,
    activation: str = "elu",
    dtype: str | None = None,
) -> tf.Tensor:
    """One convolution, (batch, y, x, channel); ``dilation`` selects the dilated form."""
    if dilation is not None:
        layer = DilatedConv2D(
            filters, kernel, dilation_rate=dilation, activation=activation, name=name, dtype=dtype
        )
    else:
        layer = keras.layers.Conv2D(
            filters,
            kernel,
            padding=padding,
            activation=activation,
            kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
            name=name,
            dtype=dtype,
        )
    return layer(x)


def pool(x: tf.Tensor, name: str, *, dilation: int | None = None) -> tf.Tensor:
    """Halve the map by 2 x 2 maxima, or take the same maxima at every pixel."""
    if dilation is not None:
        return RunningMax2D(dilation, name=name)(x)
    return keras.layers.MaxPooling2D(2, name=name)(x)


def conv_head(
    x: tf.Tensor,
    width: int,
    widths: Sequence[int],
    *,
    dropout: float,
    l2: float,
    dilation: int | None = None,
) -> tf.Tensor:
    """Head of a valid network: the dense layers of a patch as convolutions over the map.

    The first kernel covers what is left of the map (``width`` pixels), the others one pixel.
    """
    kernel = width
    for i, units in enumerate(widths):
        x = conv(x, units, kernel, f"dense{i + 1}", l2=l2, dilation=dilation)
        if dropout and dilation is None:
            x = keras.layers.Dropout(dropout, name=f"dropout{i + 1}")(x)
        kernel, dilation = 1, dilation and 1
    # float32 whatever the policy: a sigmoid near 0 or 1 is not what to save bits on
    return conv(x, 1, 1, "score", l2=l2, dilation=dilation, activation="sigmoid", dtype="float32")


def flat_head(x: tf.Tensor, widths: Sequence[int], *, dropout: float, l2: float) -> tf.Tensor:
    """Head of a same-padded network: flatten, dense layers, one probability (batch, 1, 1, 1)."""
    regularizer = keras.regularizers.L2(l2) if l2 else None
    x = keras.layers.Flatten(name="flatten")(x)
    for i, units in enumerate(widths):
        x = keras.layers.Dense(
            units, activation="elu", kernel_regularizer=regularizer, name=f"dense{i + 1}"
        )(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout{i + 1}")(x)
    x = keras.layers.Dense(1, activation="sigmoid", kernel_regularizer=regularizer, name="score")(x)
    return keras.layers.Reshape((1, 1, 1), name="map")(x)
