"""Layers that Keras lacks: convolutions with dilation on every axis, and a running maximum."""

from __future__ import annotations

import keras
import tensorflow as tf
from tensorflow.python.util._pywrap_util_port import IsMklEnabled  # there is no public name

#: Axes of (z, y, x) that a path runs along; kernels and pools have size 1 along the other axes.
Axes = tuple[bool, bool, bool]
XY: Axes = (False, True, True)
XZ: Axes = (True, False, True)
XYZ: Axes = (True, True, True)


class DilatedConv2D(keras.layers.Conv2D):
    """Valid dilated convolution, for inference only.

    Keras implements dilation by space-to-batch copies; the native kernel of TensorFlow does not
    (1.3 times faster on a CPU), but has no gradient on the CPU. Bias and activation are operations
    that TensorFlow fuses with the convolution, unlike those of Keras.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel = tf.cast(self.kernel, inputs.dtype)
        outputs = tf.nn.conv2d(
            inputs, kernel, strides=self.strides, padding="VALID", dilations=self.dilation_rate
        )
        return _biased(self, outputs)


class DilatedConv3D(keras.layers.Conv3D):
    """Valid dilated convolution over z, y and x, for inference only.

    It is as fast as without dilation.

    z is the first axis because TensorFlow's shape inference swaps the dilations of the last two
    axes and wrongly rejects a short axis beside a dilated one. The kernel needs oneDNN, which
    TensorFlow does not use on processors without AVX-512; the copies of Keras are used there.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if not IsMklEnabled():
            outputs = super().call(inputs)  # its shape is unknown, even along z
            outputs.set_shape(self.compute_output_shape(inputs.shape))
            return outputs
        kernel = tf.cast(self.kernel, inputs.dtype)
        outputs = tf.nn.conv3d(
            inputs,
            kernel,
            strides=[1] * 5,
            padding="VALID",
            dilations=[1, *self.dilation_rate, 1],
        )
        return _biased(self, outputs)


def _biased(layer: keras.layers.Layer, outputs: tf.Tensor) -> tf.Tensor:
    if layer.use_bias:
        outputs = tf.nn.bias_add(outputs, tf.cast(layer.bias, outputs.dtype))
    return layer.activation(outputs)


class RunningMax(keras.layers.Layer):
    """Maximum over pixels ``dilation`` apart along y, x or both, with stride 1."""

    def __init__(self, dilation: int, axes: Axes = XY, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.dilation, self.axes = dilation, axes

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        d = self.dilation
        if self.axes[1]:
            inputs = tf.maximum(inputs[..., :-d, :, :], inputs[..., d:, :, :])
        if self.axes[2]:
            inputs = tf.maximum(inputs[..., :-d, :], inputs[..., d:, :])
        return inputs
