"""Describe a network for drawings: its layers with the sizes and channels of their maps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from fibsem.models import build
from fibsem.models.spec import ModelSpec

#: Kind of drawing by the prefix of a layer's name after its path; other layers with a kernel are
#: drawn as convolutions.
KINDS = {"conv": "conv", "down": "conv", "up": "conv", "pool": "pool",
         "dense": "dense", "score": "dense", "merge": "merge"}  # fmt: skip
#: Suffixes of auxiliary layers that are not drawn: padding, cropping, dropout.
HELPERS = ("_pad", "_grow", "_drop", "_z", "_norm", "_act", "_same", "_sum", "_middle")
PATHS = ("xy_", "xz_", "yz_")

#: Label, sizes of the map as text, largest size, channels, kind.
Box = tuple[str, str, int, int, str]


def drawing(spec: ModelSpec) -> list[list[Box]]:
    """Return the boxes of every path for a window of one output, see :data:`Box`.

    Paths that are merged come first, one list each; the last list has the layers after the merge.
    """
    window = np.zeros((1, *spec.window, spec.nbhd.z), np.float32)
    paths: dict[str, list[Box]] = {}
    for name, kind, maps in outputs(build(spec), window):
        path, layer = _path_and_layer(name)
        if layer.startswith("dense1_") or layer == "merged":
            continue
        paths.setdefault(path, []).append(_box(layer, maps.shape[1:-1], maps.shape[-1], kind))
    common = paths.pop("", [])
    (n_y, n_x), n_z = spec.window, spec.nbhd.z
    if not paths:
        return [[_box("window", (n_y, n_x), n_z, "input"), *common]]
    planes = {"xy": (n_y, n_x), "xz": (n_z, n_x), "yz": (n_z, n_y)}
    rows = [
        [_box(f"{path} plane", planes[path], 1, "input"), *paths[path]] for path in sorted(paths)
    ]
    return [*rows, common]


def _box(label: str, extents: tuple[int, ...], channels: int, kind: str) -> Box:
    wide = [str(extent) for extent in extents if extent > 1]
    return label, " x ".join(wide), max(extents, default=1), channels, kind


def _path_and_layer(name: str) -> tuple[str, str]:
    return (name[:2], name[3:]) if name.startswith(PATHS) else ("", name)


def _kind(layer: keras.layers.Layer) -> str | None:
    """Return how a layer is drawn, or None if it is not."""
    name = _path_and_layer(layer.name)[1]
    if name.endswith(HELPERS):
        return None
    default = "conv" if hasattr(layer, "kernel") else None
    return next((kind for begin, kind in KINDS.items() if name.startswith(begin)), default)


def outputs(
    model: keras.Model, window: npt.NDArray[np.float32]
) -> list[tuple[str, str, npt.NDArray[Any]]]:
    """Return name, kind and output of every drawn layer for one input, in order.

    Planes that pass a layer as a batch get z as an axis.
    """
    drawn = [(layer, kind) for layer in model.layers if (kind := _kind(layer))]
    maps = keras.Model(model.input, [layer.output for layer, _ in drawn])(window, training=False)
    return [
        (layer.name, kind, np.asarray(value if len(value) == 1 else value[None]))
        for (layer, kind), value in zip(drawn, maps, strict=True)
    ]


def feature_maps(
    model: keras.Model, window: npt.NDArray[np.float32]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the maps of every convolution for one window (1, y, x, z), (y, x, channel) each.

    For maps with z as an axis it is the middle slice; paths across the slice are omitted.
    """
    maps = {}
    for name, kind, value in outputs(model, window):
        if kind != "conv":
            continue
        if value.ndim == 5:
            value = value[:, value.shape[1] // 2]
        if value.ndim == 4 and min(value.shape[1:3]) > 1:
            maps[name] = value[0]
    return maps
