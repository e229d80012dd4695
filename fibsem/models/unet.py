"""``unet``: a small U-Net on squares, with the slices of the window as channels or as an axis.

It is not in the thesis. All convolutions are valid, so that no padding enters the scores; the maps
of the encoder are cropped to those of the decoder. With ``stem=2`` the maps have half the
resolution of the image, because the finest level takes most of the time. Batch normalisation is
applied between convolution and activation. Inference uses the running statistics, because those of
a tile would make scores depend on the tile.

The score of a pixel depends only on its surroundings and on the position of the pools: a block that
starts at a multiple of ``spec.alignment`` has the same scores as in the whole slice.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from fibsem.models.blocks import Style, conv
from fibsem.models.cnn2d import input_window
from fibsem.models.hyperparameters import level_filters
from fibsem.models.slices import conv_slices
from fibsem.models.spec import ModelSpec

#: Width of the first convolution if its stride is 2: each output covers two pixels and one more on
#: either side, which keeps it symmetric.
STEM = 4

#: Signature of :func:`~fibsem.models.blocks.conv` and :func:`~fibsem.models.slices.conv_slices`.
Convolution = Callable[..., tf.Tensor]


@keras.saving.register_keras_serializable("fibsem")
class FitToPools(keras.layers.Layer):
    """Crop a window to a size that passes all pools without a remainder.

    A valid U-Net gives ``multiple`` m - ``rest`` pixels for some m and loses ``margin`` on each
    side (:class:`~fibsem.models.field.UNetGeometry`). The upper left corner of the output stays in
    place; below and to the right it may have surplus pixels.
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
        sizes = {"halo": self.halo, "margin": self.margin, "multiple": self.multiple}
        return {**super().get_config(), **sizes, "rest": self.rest}


@keras.saving.register_keras_serializable("fibsem")
class Middle(keras.layers.Layer):
    """Centre crop of a map to the height and width of another one."""

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
    """Crop of the scores to the window without its halo; drops surplus below and to the right."""

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


@keras.saving.register_keras_serializable("fibsem")
class Interleave(keras.layers.Layer):
    """Rearrangement of four channels into a map of twice the resolution."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return _interleaved(inputs) if training else tf.nn.depth_to_space(inputs, 2)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Any extent, one channel."""
        return (shape[0], None, None, 1)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _interleaved(maps: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Depth-to-space of TensorFlow, with a gradient by a transposition, which is multi-threaded."""

    def back(fine: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(maps)
        pairs = tf.reshape(fine, (shape[0], shape[1], 2, shape[2], 2))
        return tf.reshape(tf.transpose(pairs, (0, 1, 3, 2, 4)), shape)

    return tf.nn.depth_to_space(maps, 2), back


def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network, (batch, y + 2 halo, x + 2 halo, z) in, (batch, y, x, 1) out.

    Both forms evaluate whole squares; ``dense`` only omits layers that serve training, and folds
    normalisations.
    """
    style, squares = Style.of(spec.hyperparameters, "valid", dense), spec.squares
    window = input_window(spec)
    fit = FitToPools(spec.halo[1], squares.margin, squares.multiple, squares.rest, name="fit")
    score = _scores(fit(window), spec, style)
    wanted = Wanted(spec.halo[1], name="map", dtype="float32")  # like the score, in any precision
    return keras.Model(window, wanted([score, window]), name="unet")


def build_for_steps(spec: ModelSpec) -> keras.Model:
    """Build the network for training steps, with the same weights: (b, y, x, z) to (b, y, x, 1).

    y and x must be multiples of ``spec.alignment``. The convolutions are padded with zeros, so that
    a window of 128 x 128 needs no surroundings, which would cost more than the window itself:
    :func:`build` evaluates 310 x 310 for it with the default blocks and stem. Scores at least a
    halo from the border are equal in both forms.
    """
    window = input_window(spec)
    score = _scores(window, spec, Style.of(spec.hyperparameters, "same"))
    return keras.Model(window, score, name="unet")


def _scores(x: tf.Tensor, spec: ModelSpec, style: Style) -> tf.Tensor:
    """Apply the whole U-Net, from the image to one probability per pixel."""
    hp = spec.hyperparameters
    widths = level_filters(hp)
    first: Convolution = conv_slices if hp["slices"] == "3d" else conv
    if hp["stem"] == 2:
        x = first(x, widths[0], STEM, "stem", style, strides=2)
        first = conv
    skips = []
    for i, width in enumerate(widths[:-1], start=1):
        convs = style.convs - (1 if i == 1 and hp["stem"] == 2 else 0)
        x = _level(x, width, f"down{i}", style, hp["residual"], convs, first)
        first = conv
        skips.append(x)
        x = keras.layers.MaxPooling2D(2, name=f"pool{i}")(x)
    x = _level(x, widths[-1], f"down{len(widths)}", style, hp["residual"])
    for i in range(len(widths) - 1, 0, -1):
        x = _grown(x, widths[i - 1], f"up{i}_grow", style, hp["up"])
        skip = _middle(skips[i - 1], x, f"skip{i}", style)
        x = keras.layers.Concatenate(name=f"join{i}")([skip, x])
        x = _level(x, widths[i - 1], f"up{i}", style, hp["residual"])
    return _score(x, style, hp["stem"])


def _level(
    x: tf.Tensor,
    width: int,
    name: str,
    style: Style,
    residual: bool,
    convs: int | None = None,
    first: Convolution = conv,
) -> tf.Tensor:
    """Apply the convolutions of one level; with ``residual`` the input is added to their output.

    ``first`` is the function for the first convolution.
    """
    before = x
    for letter in "abc"[: style.convs if convs is None else convs]:
        x = (first if letter == "a" else conv)(x, width, style.kernel, f"{name}{letter}", style)
    if residual and x is not before:
        before = _middle(before, x, f"{name}_middle", style)
        if before.shape[-1] != width:
            before = conv(before, width, 1, f"{name}_same", style, activation="linear")
        x = keras.layers.Add(name=f"{name}_sum")([x, before])
    if style.spatial_dropout and style.dilation is None:
        x = keras.layers.SpatialDropout2D(style.spatial_dropout, name=f"{name}_drop")(x)
    return x


def _middle(x: tf.Tensor, like: tf.Tensor, name: str, style: Style) -> tf.Tensor:
    """Crop a map to the centre that ``like`` covers; unchanged if convolutions are padded."""
    return x if style.padding == "same" else Middle(name=name)([x, like])


def _grown(x: tf.Tensor, width: int, name: str, style: Style, upsampling: str) -> tf.Tensor:
    """Double the resolution of a map, by repetition or by a transposed convolution 2 wide."""
    if upsampling == "nearest":
        return keras.layers.UpSampling2D(2, name=name)(x)
    regularizer = None if style.dilation else style.regularizer
    return keras.layers.Conv2DTranspose(
        width, 2, strides=2, kernel_regularizer=regularizer, name=name
    )(x)


def _score(x: tf.Tensor, style: Style, stem: int) -> tf.Tensor:
    """Return one probability per pixel of the image, float32."""
    count, kernel = (1, 1) if stem == 1 else (4, style.kernel)
    x = conv(x, count, kernel, "score", style, activation="sigmoid", dtype="float32")
    return x if stem == 1 else Interleave(name="interleave", dtype="float32")(x)
