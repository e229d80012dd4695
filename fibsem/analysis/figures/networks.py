"""Figures of a network: its layers and feature maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fibsem.analysis.figures.style import NEUTRAL, PORE, SOLID, STYLE, AnyArray


def network(paths: Sequence[Sequence[tuple[str, str, int, int, str]]], title: str) -> Figure:
    """Draw a network as boxes from left to right (Figures 4.1 and 4.2).

    Parameters
    ----------
    paths : sequence of paths of (label, extents, largest extent, channels, kind)
        One row per path; ``kind`` is input, conv, pool, dense or merge. The height of a box grows
        with the extent of its feature map, its width with the number of channels.

    Examples
    --------
    ```python
    layers = [("window", "81x81x3", 81, 3, "input"), ("conv1", "79x79", 79, 16, "conv")]
    network([[*layers, ("dense", "1x1", 1, 64, "dense")]], title="2dcnn")
    ```
    """
    colours = {
        "input": "#999999",
        "conv": PORE,
        "pool": SOLID,
        "dense": "#009E73",
        "merge": NEUTRAL,
    }
    longest = max(len(path) for path in paths)
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(0.62 * longest + 0.6, 1.9 * len(paths) + 0.3), layout="constrained"
        )
        axes = figure.subplots(len(paths), 1, squeeze=False)[:, 0]
    tallest = max(extent for path in paths for _, _, extent, _, _ in path)
    for ax, path in zip(axes, paths, strict=True):
        for k, (label, extents, extent, channels, kind) in enumerate(path):
            height = 0.12 + 0.88 * extent / tallest
            width = 0.2 + 0.5 * min(1.0, channels / 128)
            ax.add_patch(
                Rectangle(
                    (k - width / 2, -height / 2),
                    width,
                    height,
                    color=colours[kind],
                    alpha=0.8,
                    lw=0,
                )
            )
            ax.text(k, 0.56, label, ha="center", va="bottom", fontsize=6, rotation=60)
            ax.text(k, -0.56, f"{extents}\n{channels}".strip(),
                    ha="center", va="top", fontsize=5.5)  # fmt: skip
        ax.set(xlim=(-0.8, longest - 0.2), ylim=(-0.95, 1.25))
        ax.axis("off")
    axes[0].set_title(title, loc="left")
    return figure


def feature_maps(maps: Mapping[str, AnyArray], most: int = 8) -> Figure:
    """Draw feature maps layer by layer (thesis, appendix B).

    Parameters
    ----------
    maps : mapping of layer to (y, x, channel) float
        Feature maps of one input.
    most
        Number of channels that are drawn of each layer, in one row.

    Examples
    --------
    ```python
    feature_maps({"conv1": np.random.default_rng(0).random((79, 79, 16))}, most=4)
    ```
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.05 * most + 0.8, 1.05 * len(maps)), layout="constrained")
        grid = figure.subplots(len(maps), most, squeeze=False)
    for row, (name, layer) in zip(grid, maps.items(), strict=True):
        for k, ax in enumerate(row):
            ax.set_xticks([])
            ax.set_yticks([])
            if k < layer.shape[-1]:
                ax.imshow(layer[..., k], cmap="viridis", interpolation="nearest")
            else:
                ax.axis("off")
        row[0].set_ylabel(f"{name}\n{layer.shape[0]} px, {layer.shape[-1]} maps", fontsize=6)
    return figure
