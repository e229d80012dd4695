"""Building blocks of all networks, in strided form (patch and grid) and dilated form (dense).

Both forms have the same weights under the same layer names. In dilated form a 2 x 2 pool with
stride 2 becomes a running maximum of pixels ``dilation`` apart with stride 1, and all following
layers have twice the dilation.

Maps are (batch, y, x, channel), or (batch, z, y, x, channel) if z is an axis of its own; z is then
padded with zeros ('same') and never dilated.
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

#: Suffix of the name of the layer that normalises the output of a convolution.
NORM = "_norm"


@dataclass(frozen=True)
class Style:
    """Settings that all layers of a network share.

    ``dilation`` is None in strided form, else the distance between neighbouring pixels of the maps.
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
        """Return the style of a network with the given hyperparameters."""
        return cls(
            padding, hp["kernel"], hp["l2"], hp["convs_per_block"], hp["spatial_dropout"],
            hp["activation"], hp.get("norm", "none"), 1 if dense else None,
        )  # fmt: skip

    @property
    def initializer(self) -> str:
        """Kernel initialiser that preserves variance: Glorot with ELU (thesis), else He."""
        return "glorot_uniform" if self.activation == "elu" else "he_uniform"

    @property
    def regularizer(self) -> keras.Regularizer | None:
        """L2 penalty of the kernels, or None if its weight is 0."""
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
    """Apply one convolution to (batch, y, x, channel), then its activation (default: the style's).

    If the style has a normalisation, it is applied between the two, unless ``activation`` is given;
    in dense form it is folded into the weights (:mod:`fibsem.models.dense`).
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
    """Apply one convolution to (batch, z, y, x, channel), zero-padded along axes in ``same``."""
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
    """Apply blocks of convolutions of equal width and a 2 x 2 max-pool (thesis 3.5).

    Returns
    -------
    x : (batch, y, x, channel)
        Output maps.
    style : Style
        Style with the dilation of the head.
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
    """Apply blocks to maps with z as an axis, along the given axes.

    The first ``z_pools`` pools also halve z if it is at least two deep.

    Parameters
    ----------
    x : (batch, z, y, x, channel)
        Maps.
    filters, pooled, style
        See :func:`blocks`.
    axes
        Axes along which kernels and pools extend.
    z_pools
        Number of pools that halve z.
    path
        Prefix of the layer names.
    first
        Kernel of the first convolution, or None for the usual one.
    row_stride
        Stride of ``first`` along y for paths that do not run along y, where only every such row is
        needed. (For one channel oneDNN gets such a stride along x wrong.)
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
    """Pool along the axes of a path, with size ``z`` along z; a dense style keeps y and x."""
    if style.dilation is None:
        size = (z, 2 if axes[1] else 1, 2 if axes[2] else 1)
        return keras.layers.MaxPooling3D(size, name=name)(x), style
    x = RunningMax(style.dilation, axes, name=name)(x)
    if z > 1:
        x = keras.layers.MaxPooling3D((z, 1, 1), name=f"{name}_z")(x)
    return x, replace(style, dilation=2 * style.dilation)


def with_z(window: tf.Tensor) -> tf.Tensor:
    """Convert a window (batch, y, x, z) to maps with z as an axis, (batch, z, y, x, 1)."""
    return keras.ops.expand_dims(keras.ops.transpose(window, (0, 3, 1, 2)), -1)


def cropped(window: tf.Tensor, field: Field, n: int) -> tf.Tensor:
    """Crop a window (batch, y, x, z) to the field of a valid network."""
    crop = field.crop(n)
    return keras.layers.Cropping2D((crop, crop), name="field")(window)


def conv_head(
    x: tf.Tensor, width: int, widths: Sequence[int], dropout: float, style: Style
) -> tf.Tensor:
    """Apply the head of a valid network: the dense layers of a patch as convolutions.

    The first kernel covers the remaining map (``width`` pixels), the others one pixel.
    """
    x = conv(x, widths[0], width, "dense1", style)
    return conv_tail(x, widths, dropout, style)


def conv_tail(x: tf.Tensor, widths: Sequence[int], dropout: float, style: Style) -> tf.Tensor:
    """Apply the layers after the first dense one of a valid network, giving (b, g_y, g_x, 1)."""
    point = replace(style, dilation=style.dilation and 1)
    for i, units in enumerate(widths, start=1):
        if i > 1:
            x = conv(x, units, 1, f"dense{i}", point)
        if dropout and style.dilation is None:
            x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x)
    # float32 under any policy, since a sigmoid near 0 or 1 needs the precision
    return conv(x, 1, 1, "score", point, activation="sigmoid", dtype="float32")


def flat_head(
    maps: Sequence[tf.Tensor], widths: Sequence[int], dropout: float, style: Style
) -> tf.Tensor:
    """Apply the head of a same-padded network: flatten, dense layers, output (batch, 1, 1, 1)."""
    flat = [keras.layers.Flatten()(x) for x in maps]
    x = keras.layers.Concatenate(name="merge")(flat) if len(flat) > 1 else flat[0]
    options = {"kernel_regularizer": style.regularizer, "kernel_initializer": style.initializer}
    for i, units in enumerate(widths, start=1):
        x = keras.layers.Dense(units, activation=style.activation, name=f"dense{i}", **options)(x)
        if dropout:
            x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x)
    # float32 as in `conv_tail`, also for the reshaped output
    x = keras.layers.Dense(1, activation="sigmoid", name="score", dtype="float32", **options)(x)
    return keras.layers.Reshape((1, 1, 1), name="map", dtype="float32")(x)
