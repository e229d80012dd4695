"""The parts of every network, in strided form (patch and grid) and in dilated form (dense).

Both forms have the same weights under the same layer names. In dilated form a 2 x 2 pool with
stride 2 becomes a running maximum of pixels ``dilation`` apart with stride 1, and everything behind
it is dilated twice as far.

Maps are (batch, y, x, channel), or (batch, z, y, x, channel) where z is an axis of its own; there z
is padded with zeros ('same') and never dilated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from fibsem.models.field import Field, Padding
from fibsem.models.hyperparameters import Hyperparameters
from fibsem.models.layers import Axes, DilatedConv2D, DilatedConv3D, RunningMax
from fibsem.models.normalisation import EPSILON, BatchNorm

Kernel = tuple[int, int, int]

#: Ending of the name of the layer that normalises what a convolution gives.
NORM = "_norm"


@dataclass(frozen=True)
class Style:
    """What all layers of a network have in common.

    ``dilation`` is None in strided form, else the distance of neighbouring pixels of the maps.
    """

    padding: Padding
    kernel: int
    l2: float
    convs: int = 2
    spatial_dropout: float = 0.0
    activation: str = "elu"
    norm: str = "none"
    dilation: int | None = None

    @classmethod
    def of(cls, hp: Hyperparameters, padding: Padding, dense: bool = False) -> Style:
        """The style of a network with these hyperparameters."""
        return cls(
            padding, hp["kernel"], hp["l2"], hp["convs_per_block"], hp["spatial_dropout"],
            hp["activation"], hp.get("norm", "none"), 1 if dense else None,
        )  # fmt: skip

    @property
    def initializer(self) -> str:
        """Kernels that keep the variance of maps: Glorot's with ELU (the thesis), else He's."""
        return "glorot_uniform" if self.activation == "elu" else "he_uniform"

    @property
    def regularizer(self) -> keras.Regularizer | None:
        return keras.regularizers.L2(self.l2) if self.l2 else None


def conv(
    x: tf.Tensor,
    filters: int,
    kernel: int,
    name: str,
    style: Style,
    *,
    activation: str | None = None,
    strides: int = 1,
    dtype: str | None = None,
) -> tf.Tensor:
    """One convolution of (batch, y, x, channel), with its activation; that of the style by default.

    A style with normalisation has it between the two, but for convolutions with an activation of
    their own; in dense form it is folded into the weights (:mod:`fibsem.models.dense`).
    """
    normalised = style.norm == "batch" and activation is None and style.dilation is None
    after = activation or style.activation
    options = {"name": name, "dtype": dtype, "activation": None if normalised else after}
    if style.dilation is not None:
        spread = {"dilation_rate": style.dilation, "strides": strides}
        return DilatedConv2D(filters, kernel, **spread, **options)(x)
    x = keras.layers.Conv2D(
        filters, kernel, strides=strides, padding=style.padding,
        kernel_regularizer=style.regularizer, kernel_initializer=style.initializer, **options,
    )(x)  # fmt: skip
    if not normalised:
        return x
    x = BatchNorm(epsilon=EPSILON, name=f"{name}{NORM}", dtype=dtype)(x)
    return keras.layers.Activation(after, name=f"{name}_act")(x)


def conv_z(
    x: tf.Tensor,
    filters: int,
    kernel: Kernel,
    name: str,
    style: Style,
    *,
    same: Axes,
    strides: Kernel = (1, 1, 1),
    activation: str | None = None,
    use_bias: bool = True,
    dtype: str | None = None,
) -> tf.Tensor:
    """One convolution of (batch, z, y, x, channel); ``same`` says which axes keep their extent."""
    pad = tuple(k // 2 if keep else 0 for k, keep in zip(kernel, same, strict=True))
    if any(pad):
        x = keras.layers.ZeroPadding3D(pad, name=f"{name}_pad")(x)
    options = {"activation": activation or style.activation, "name": name, "use_bias": use_bias,
           "dtype": dtype}  # fmt: skip
    if style.dilation is not None:
        d = style.dilation
        spread = (1, *(d if k > 1 else 1 for k in kernel[1:]))
        return DilatedConv3D(filters, kernel, dilation_rate=spread, **options)(x)
    return keras.layers.Conv3D(
        filters, kernel, strides=strides, kernel_regularizer=style.regularizer,
        kernel_initializer=style.initializer, **options,
    )(x)  # fmt: skip


def blocks(x: tf.Tensor, filters: Sequence[int], pooled: Sequence[bool], style: Style) -> tuple[
    tf.Tensor, Style
]:  # fmt: skip
    """Convolutions of equal width, then a 2 x 2 max-pool: block by block (thesis 3.5).

    Returns
    -------
    x : (batch, y, x, channel)
        What is left of the maps.
    style : Style
        How the head has to be dilated.
    """
    for i, (width, halved) in enumerate(zip(filters, pooled, strict=True), start=1):
        for letter in "abc"[: style.convs]:
            x = conv(x, width, style.kernel, f"conv{i}{letter}", style)
        if style.spatial_dropout and style.dilation is None:
            x = keras.layers.SpatialDropout2D(style.spatial_dropout, name=f"drop{i}")(x)
        if halved and style.dilation is not None:
            x = RunningMax(style.dilation, name=f"pool{i}")(x)
            style = replace(style, dilation=2 * style.dilation)
        elif halved:
            x = keras.layers.MaxPooling2D(2, name=f"pool{i}")(x)
    return x, style


def blocks_z(
    x: tf.Tensor,
    filters: Sequence[int],
    pooled: Sequence[bool],
    style: Style,
    *,
    axes: Axes,
    z_pools: int,
    path: str = "",
    first: Kernel | None = None,
    row_stride: int = 1,
) -> tuple[tf.Tensor, Style]:
    """Blocks of maps with z as an axis, along the given axes.

    The first ``z_pools`` pools halve z too, as long as it is at least two deep.

    Parameters
    ----------
    x : (batch, z, y, x, channel)
        Maps.
    filters, pooled, style
        As in :func:`blocks`.
    axes
        Axes that kernels and pools extend along.
    z_pools
        Number of pools that halve z.
    path
        Prefix of the layers' names.
    first
        Kernel of the very first convolution, if it is another one.
    row_stride
        Stride of that one along y, if the path does not run along it: only every so many rows are
        wanted. (Along x oneDNN gets such a stride wrong for one channel.)
    """
    depth = x.shape[1]
    kernel: Kernel = tuple(style.kernel if along else 1 for along in axes)  # type: ignore[assignment]
    slice_same = style.padding == "same"
    for i, (width, halved) in enumerate(zip(filters, pooled, strict=True), start=1):
        for letter in "abc"[: style.convs]:
            k, strides = kernel, (1, 1, 1)
            if first is not None:
                k, first = first, None
                strides = (1, 1 if axes[1] else row_stride, 1)
            same = (axes[0], slice_same and axes[1], slice_same and axes[2])
            name = f"{path}conv{i}{letter}"
            x = conv_z(x, width, k, name, style, same=same, strides=strides)
        if style.spatial_dropout and style.dilation is None:
            x = keras.layers.SpatialDropout3D(style.spatial_dropout, name=f"{path}drop{i}")(x)
        if halved:
            z = 2 if axes[0] and i <= z_pools and depth >= 2 else 1
            depth //= z
            x, style = _pool_z(x, f"{path}pool{i}", style, axes, z)
    return x, style


def _pool_z(x: tf.Tensor, name: str, style: Style, axes: Axes, z: int) -> tuple[tf.Tensor, Style]:
    """Halve y and x where the path runs along them, and z where told; dense in the slice."""
    if style.dilation is None:
        size = (z, 2 if axes[1] else 1, 2 if axes[2] else 1)
        return keras.layers.MaxPooling3D(size, name=name)(x), style
    x = RunningMax(style.dilation, axes, name=name)(x)
    if z > 1:
        x = keras.layers.MaxPooling3D((z, 1, 1), name=f"{name}_z")(x)
    return x, replace(style, dilation=2 * style.dilation)


def with_z(window: tf.Tensor) -> tf.Tensor:
    """A window (batch, y, x, z) as maps with z as an axis, (batch, z, y, x, 1)."""
    return keras.ops.expand_dims(keras.ops.transpose(window, (0, 3, 1, 2)), -1)


def cropped(window: tf.Tensor, field: Field, n: int) -> tf.Tensor:
    """The part of a window (batch, y, x, z) that a valid network uses."""
    crop = field.crop(n)
    return keras.layers.Cropping2D((crop, crop), name="field")(window)


def conv_head(
    x: tf.Tensor, width: int, widths: Sequence[int], dropout: float, style: Style
) -> tf.Tensor:
    """Head of a valid network: the dense layers of a patch as convolutions over the map.

    The first kernel covers what is left of the map (``width`` pixels), the others one pixel.
    """
    x = conv(x, widths[0], width, "dense1", style)
    return conv_tail(x, widths, dropout, style)


def conv_tail(x: tf.Tensor, widths: Sequence[int], dropout: float, style: Style) -> tf.Tensor:
    """What follows the first dense layer of a valid network, one pixel wide; (b, g_y, g_x, 1)."""
    point = replace(style, dilation=style.dilation and 1)
    for i, units in enumerate(widths, start=1):
        if i > 1:
            x = conv(x, units, 1, f"dense{i}", point)
        if dropout and style.dilation is None:
            x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x)
    # float32 whatever the policy: a sigmoid near 0 or 1 is not what to save bits on
    return conv(x, 1, 1, "score", point, activation="sigmoid", dtype="float32")


def flat_head(
    maps: Sequence[tf.Tensor], widths: Sequence[int], dropout: float, style: Style
) -> tf.Tensor:
    """Head of a same-padded network: flatten, dense layers, one probability (batch, 1, 1, 1)."""
    flat = [keras.layers.Flatten()(x) for x in maps]
    x = keras.layers.Concatenate(name="merge")(flat) if len(flat) > 1 else flat[0]
    options = {"kernel_regularizer": style.regularizer, "kernel_initializer": style.initializer}
    for i, units in enumerate(widths, start=1):
        x = keras.layers.Dense(units, activation=style.activation, name=f"dense{i}", **options)(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x)
    # float32 as in `conv_tail`, and what follows too
    x = keras.layers.Dense(1, activation="sigmoid", name="score", dtype="float32", **options)(x)
    return keras.layers.Reshape((1, 1, 1), name="map", dtype="float32")(x)
