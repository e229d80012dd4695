"""``unet``: a small U-Net on squares, the slices of the window as channels.

Not of the study: a yardstick, of the size that others used on the same images (117 393
parameters). All convolutions are valid, so that no zeros are seen anywhere; the maps on the way
down are cropped to those on the way up. The result of a pixel depends on where the pools fall, and
on nothing else but its surroundings: a block that starts at a multiple of ``spec.alignment`` has
the scores that it has in the whole slice.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from fibsem.models.blocks import Style, conv
from fibsem.models.cnn2d import input_window
from fibsem.models.field import unet_margin
from fibsem.models.hyperparameters import GROWTH
from fibsem.models.spec import ModelSpec


@keras.saving.register_keras_serializable("fibsem")
class FitToPools(keras.layers.Layer):
    """Cut the part out of a window that runs through all pools with nothing left over.

    A valid U-Net gives 2^B m - ``rest`` pixels for some m and loses ``margin`` on each side. The
    upper left corner of the output stays where it was; below and right there may be more pixels
    than wanted.
    """

    def __init__(self, halo: int, margin: int, multiple: int, rest: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.halo, self.margin, self.multiple, self.rest = halo, margin, multiple, rest

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        shape, start = tf.shape(inputs), self.halo - self.margin
        height, width = (self._extent(shape[axis] - 2 * self.halo) for axis in (1, 2))
        return inputs[:, start : start + height, start : start + width]

    def _extent(self, wanted: tf.Tensor) -> tf.Tensor:
        times = -(-(wanted + self.rest) // self.multiple)
        return times * self.multiple - self.rest + 2 * self.margin

    def get_config(self) -> dict[str, object]:
        """Arguments of the layer, for Keras' own format."""
        own = {"halo": self.halo, "margin": self.margin, "multiple": self.multiple}
        return {**super().get_config(), **own, "rest": self.rest}


@keras.saving.register_keras_serializable("fibsem")
class Middle(keras.layers.Layer):
    """The middle of a map, as large as another one."""

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        x, like = inputs
        have, want = tf.shape(x), tf.shape(like)
        top, left = (have[1] - want[1]) // 2, (have[2] - want[2]) // 2
        return x[:, top : top + want[1], left : left + want[2]]

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Extent of the second map, channels of the first."""
        return (*shapes[1][:3], shapes[0][3])


@keras.saving.register_keras_serializable("fibsem")
class Wanted(keras.layers.Layer):
    """The scores of a window without its halo: what is over below and right is dropped."""

    def __init__(self, halo: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.halo = halo

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        scores, window = inputs
        shape = tf.shape(window)
        return scores[:, : shape[1] - 2 * self.halo, : shape[2] - 2 * self.halo]

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Any extent, one channel."""
        return (shapes[0][0], None, None, 1)

    def get_config(self) -> dict[str, object]:
        """Arguments of the layer, for Keras' own format."""
        return {**super().get_config(), "halo": self.halo}


def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network, (batch, y + 2 halo, x + 2 halo, z) in, (batch, y, x, 1) out.

    There is one form: ``dense`` only leaves out what serves training.
    """
    hp, levels = spec.hyperparameters, spec.hyperparameters["blocks"]
    style = Style.of(hp, "valid")
    widths = [hp["filters"] * GROWTH["2d"][min(i, 3)] for i in range(levels + 1)]
    lost = style.convs * (style.kernel - 1)
    margin = unet_margin(levels, style.kernel, style.convs)
    window = input_window(spec)
    x = FitToPools(
        spec.halo[1], margin, 2**levels, lost * (2**levels - 1), name="fit"
    )(window)  # fmt: skip
    skips = []
    for i, width in enumerate(widths[:-1], start=1):
        x = _level(x, width, f"down{i}", style, dense)
        skips.append(x)
        x = keras.layers.MaxPooling2D(2, name=f"pool{i}")(x)
    x = _level(x, widths[-1], f"down{levels + 1}", style, dense)
    for i in range(levels, 0, -1):
        x = keras.layers.UpSampling2D(2, name=f"up{i}_grow")(x)
        skip = Middle(name=f"skip{i}")([skips[i - 1], x])
        x = keras.layers.Concatenate(name=f"join{i}")([skip, x])
        x = _level(x, widths[i - 1], f"up{i}", style, dense)
    score = conv(x, 1, 1, "score", style, activation="sigmoid", dtype="float32")
    return keras.Model(window, Wanted(spec.halo[1], name="map")([score, window]), name="unet")


def _level(x: tf.Tensor, width: int, name: str, style: Style, dense: bool) -> tf.Tensor:
    """The convolutions of one level."""
    for letter in "abc"[: style.convs]:
        x = conv(x, width, style.kernel, f"{name}{letter}", style)
    if style.spatial_dropout and not dense:
        x = keras.layers.SpatialDropout2D(style.spatial_dropout, name=f"{name}_drop")(x)
    return x
