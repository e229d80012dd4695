"""``triplanar``: the three planes through the pixel, one path each, merged in a dense layer.

Thesis 3.5 and Figure 4.2. In grid and dense form the xz path needs a plane for every row of
outputs, and the yz path one for every column. Merging the paths in a dense layer is implemented as
a sum of one convolution per path, which stores no map twice.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from fibsem.models.blocks import Kernel, Style, blocks_z, conv_tail, conv_z, flat_head, with_z
from fibsem.models.cnn2d import input_window
from fibsem.models.hyperparameters import block_filters, dense_widths
from fibsem.models.layers import XY, XZ, Axes
from fibsem.models.spec import ModelSpec


def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network, (batch, y, x, z) in, probability of solid (batch, g_y, g_x, 1) out."""
    return planes(spec, dense=dense, whole_window=False)


def planes(spec: ModelSpec, *, dense: bool, whole_window: bool) -> keras.Model:
    """Build three paths and merge them.

    With ``whole_window`` the first convolution of each path sees the third axis of the window as
    channels (``multichannel``), otherwise only the middle plane (``triplanar``). The yz path is an
    xz path of the window with x and y swapped.
    """
    hp, style = spec.hyperparameters, Style.of(spec.hyperparameters, spec.padding, dense)
    filters, widths = block_filters(hp), dense_widths(hp)
    window = input_window(spec)
    volume = with_z(window)
    pooled = spec.field.pooled if spec.field else (hp["pool"],) * len(filters)
    maps = {}
    for path, axes in (("xy", XY), ("xz", XZ), ("yz", XZ)):
        x = _around_the_path(
            _turned(volume) if path == "yz" else volume, spec, axes, whole_window, dense
        )
        maps[path], deep = blocks_z(
            x, filters, pooled, style, axes=axes, z_pools=hp["z_pools"], path=f"{path}_",
            first=_first_kernel(spec, axes) if whole_window else None,
            row_stride=1 if dense or path == "xy" else spec.stride,
        )  # fmt: skip
    if spec.field is None:
        score = flat_head(list(maps.values()), widths, hp["dropout"], style)
        return keras.Model(window, score, name=spec.name)
    head = spec.field.head
    parts = []
    for path, x in maps.items():
        kernel = (x.shape[1], head if path == "xy" else 1, head)
        name = "dense1" if path == "xy" else f"dense1_{path}"
        features = conv_z(
            x, widths[0], kernel, name, deep, same=(False, False, False), activation="linear",
            use_bias=path == "xy",
        )  # fmt: skip
        parts.append(_turned(features) if path == "yz" else features)
    x = keras.layers.Add(name="merge")(parts)
    x = keras.layers.Activation(style.activation, name="merged")(keras.ops.squeeze(x, 1))
    return keras.Model(window, conv_tail(x, widths, hp["dropout"], deep), name=spec.name)


def _turned(x: tf.Tensor) -> tf.Tensor:
    """Swap y and x of (batch, z, y, x, channel)."""
    return keras.ops.transpose(x, (0, 1, 3, 2, 4))


def _around_the_path(
    volume: tf.Tensor, spec: ModelSpec, axes: Axes, whole_window: bool, dense: bool
) -> tf.Tensor:
    """Return the part of the window that one path reads, (batch, z, y, x, 1).

    Along the path it is the field of the network (z is never cropped); across the path it is the
    middle plane of every output, or the whole window with ``whole_window``.
    """
    crop, step = [], []
    for axis, (along, n) in enumerate(zip(axes, spec.nbhd.shape, strict=True)):
        middle = not along and not whole_window
        if along:
            crop.append(spec.field.crop(n) if spec.field and axis > 0 else (0, 0))
        else:
            crop.append((n // 2, n // 2) if middle else (0, 0))
        step.append(spec.stride if middle and axis > 0 and not dense else 1)
    x = keras.layers.Cropping3D(tuple(crop))(volume)
    if max(step) > 1:  # a pool of one pixel subsamples rows or columns
        x = keras.layers.MaxPooling3D(1, strides=tuple(step))(x)
    return x


def _first_kernel(spec: ModelSpec, axes: Axes) -> Kernel:
    """Return the first kernel (z, y, x) of a path that reads the whole window."""
    k = spec.hyperparameters["kernel"]
    z, y, x = (k if along else n for along, n in zip(axes, spec.nbhd.shape, strict=True))
    return z, y, x
