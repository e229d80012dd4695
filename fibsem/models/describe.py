"""A network as people draw it: its layers with the extent and the channels of their maps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from fibsem.models import build
from fibsem.models.spec import ModelSpec

#: Layers that are drawn, by the beginning of what follows the path in their name.
KINDS = {"conv": "conv", "down": "conv", "up": "conv", "pool": "pool",
         "dense": "dense", "score": "dense", "merge": "merge"}  # fmt: skip
#: Endings of the layers that only help: padding, cropping, dropout.
HELPERS = ("_pad", "_grow", "_drop", "_z")
PATHS = ("xy_", "xz_", "yz_")

#: Label, extents of the map as text, the largest of them, channels, kind.
Box = tuple[str, str, int, int, str]


def drawing(spec: ModelSpec) -> list[list[Box]]:
    """Boxes of every path for a window of one output, see :data:`Box`.

    Paths that are merged come first, one list each; the layers behind the merge are in the last.
    """
    window = np.zeros((1, *spec.window, spec.nbhd.z), np.float32)
    paths: dict[str, list[Box]] = {}
    for name, maps in outputs(build(spec), window).items():
        path, layer = (name[:2], name[3:]) if name.startswith(PATHS) else ("", name)
        kind = next((kind for begin, kind in KINDS.items() if layer.startswith(begin)), None)
        if kind is None or layer.startswith("dense1_") or layer == "merged":
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


def outputs(model: keras.Model, window: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
    """The output of every layer with a name of ours for one input, in order."""
    named = [
        layer
        for layer in model.layers
        if any(begin in layer.name for begin in KINDS) and not layer.name.endswith(HELPERS)
    ]
    values = keras.Model(model.input, [layer.output for layer in named])(window, training=False)
    return {layer.name: np.asarray(value) for layer, value in zip(named, values, strict=True)}


def feature_maps(
    model: keras.Model, window: npt.NDArray[np.float32]
) -> dict[str, npt.NDArray[np.float32]]:
    """The maps of every convolution for one window (1, y, x, z), (y, x, channel) each.

    Of maps with z as an axis the middle slice is taken; of paths across the slice, nothing.
    """
    maps = {}
    for name, value in outputs(model, window).items():
        if "conv" not in name and not name.startswith(("down", "up")):
            continue
        if value.ndim == 5:
            value = value[:, value.shape[1] // 2]
        if value.ndim == 4 and min(value.shape[1:3]) > 1:
            maps[name] = value[0]
    return maps
