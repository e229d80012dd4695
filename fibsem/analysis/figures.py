"""Figures of data, trainings and results; the only importer of matplotlib.

Every function takes arrays and returns a `Figure`; nothing is shown and no global state is touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Colours of pore and solid (Okabe and Ito: told apart by all), and of what is neither.
PORE, SOLID, NEUTRAL = "#0072B2", "#D55E00", "#444444"

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "savefig.dpi": 150,
}

Array = npt.NDArray[Any]


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        figure.savefig(path, bbox_inches="tight")
    return path


def _row(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Axes side by side."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width * count, height), layout="constrained")
        axes = figure.subplots(1, count, squeeze=False)[0]
    return figure, list(axes)


def histograms(counts: Mapping[str, Array], edges: Array) -> Figure:
    """Grey values of every sample in [0, 1] (thesis Figure 3.3).

    Parameters
    ----------
    counts : mapping of sample to (bins,) int
        Pixels by grey value.
    edges : (bins + 1,) float
        Borders of the bins.
    """
    figure, axes = _row(len(counts), 2.8, 2.2)
    for ax, (name, count) in zip(axes, counts.items(), strict=True):
        density = count / max(1, count.sum()) / np.diff(edges)
        ax.stairs(density, edges, fill=True, color=NEUTRAL, alpha=0.8)
        ax.set(title=name, xlabel="grey value", xlim=(edges[0], edges[-1]))
    axes[0].set_ylabel("probability density")
    return figure


def gradients(profiles: Mapping[str, tuple[Array, Array]], axis: str) -> Figure:
    """Mean grey value along an axis, the fitted line, and what is left (thesis Figure 3.5).

    Parameters
    ----------
    profiles : mapping of sample to (profile, line)
        Both (n,) float in [0, 1].
    axis
        Name of the array axis.
    """
    figure, axes = _row(len(profiles), 2.8, 2.2)
    for ax, (name, (profile, line)) in zip(axes, profiles.items(), strict=True):
        ax.plot(
            profile,
            color=NEUTRAL,
            lw=0.8,
            label="mean of columns" if axis == "x" else "mean of rows",
        )
        ax.plot(line, color=SOLID, lw=1.5, label="line")
        ax.plot(profile - line + profile.mean(), color=PORE, lw=0.8, label="corrected")
        ax.set(title=name, xlabel=f"{axis} (pixels)")
    axes[0].set_ylabel("grey value")
    axes[-1].legend(fontsize=7)
    return figure


def classes(values: Mapping[str, Mapping[str, Sequence[Array]]]) -> Figure:
    """Grey values of labelled pores and solid in each part (thesis Figure 3.7).

    Parameters
    ----------
    values : mapping of sample to part to (pore, solid)
        Grey values in [0, 1] of the labelled pixels, each (n,) float.
    """
    parts = list(next(iter(values.values())))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.6 * len(parts), 1.7 * len(values)), layout="constrained")
        grid = figure.subplots(len(values), len(parts), squeeze=False, sharex=True)
    for row, (name, by_part) in zip(grid, values.items(), strict=True):
        for ax, (part, (pore, solid)) in zip(row, by_part.items(), strict=True):
            for grey, colour, label in ((pore, PORE, "pore"), (solid, SOLID, "solid")):
                count, edges = np.histogram(grey, 100, (0, 1))
                density = count / max(1, pore.size + solid.size) / np.diff(edges)
                ax.stairs(density, edges, fill=True, color=colour, alpha=0.6, label=label)
            ax.set_title(f"{name}, {part}")
        row[0].set_ylabel("probability density")
    for ax in grid[-1]:
        ax.set_xlabel("grey value")
    grid[0, -1].legend(fontsize=7)
    return figure


def squares(pictures: Sequence[tuple[str, Array, Array]], columns: int = 6) -> Figure:
    """Labelled squares with the outline of the labels on them, to be checked by eye.

    Parameters
    ----------
    pictures : sequence of (title, grey, labels)
        Grey values (h, w) float; labels (h, w) with 1 for solid.
    columns
        Pictures in a row.
    """
    rows = -(-len(pictures) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2 * columns, 2.15 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.axis("off")
    for ax, (title, grey, labels) in zip(axes, pictures, strict=False):
        _picture(ax, grey)
        _outline(ax, labels == 1)
        ax.set_title(title, fontsize=7)
    return figure


def overlay(grey: Array, solid: Array, truth: Array | None = None) -> Figure:
    """One slice: grey values, the labels found, and where they differ from the truth.

    Parameters
    ----------
    grey : (y, x) float
        Grey values.
    solid : (y, x) bool
        Labels found.
    truth : (y, x) bool, optional
        Exact labels.
    """
    figure, axes = _row(2 if truth is None else 3, 3.4, 3.4 * grey.shape[0] / grey.shape[1] + 0.3)
    for ax in axes:
        ax.axis("off")
    _picture(axes[0], grey)
    axes[0].set_title("grey values")
    _picture(axes[1], grey)
    _tint(axes[1], ~solid, PORE)
    axes[1].set_title(f"pores found: {100 * (1 - solid.mean()):.1f} %")
    if truth is not None:
        _picture(axes[2], grey)
        _tint(axes[2], ~truth, PORE)
        axes[2].set_title(f"true pores: {100 * (1 - truth.mean()):.1f} %")
    return figure


def learning_curves(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Loss and mIoU by epoch, one line per run.

    Parameters
    ----------
    curves : mapping of run to mapping of ``loss`` and ``miou`` to values by epoch
        Figures on the fixed validation sample.
    """
    figure, axes = _row(2, 3.4, 2.6)
    for ax, key, label in zip(
        axes, ("loss", "miou"), ("validation loss", "validation mIoU"), strict=True
    ):
        for name, curve in curves.items():
            ax.plot(range(1, len(curve[key]) + 1), curve[key], lw=1.2, marker=".", label=name)
        ax.set(xlabel="epoch", ylabel=label)
    if len(curves) <= 10:
        axes[1].legend(fontsize=6)
    return figure


def trials(values: Mapping[str, Sequence[float]], losses: Sequence[float]) -> Figure:
    """Validation loss of every trial against each hyperparameter that was swept.

    Parameters
    ----------
    values : mapping of hyperparameter to its value in every trial
        Numbers.
    losses
        Validation loss of every trial.
    """
    figure, axes = _row(max(1, len(values)), 2.2, 2.2)
    for ax, (name, given) in zip(axes, values.items(), strict=False):
        ax.plot(given, losses, "o", ms=4, color=PORE, alpha=0.7)
        ax.set_xlabel(name)
        if min(given) > 0 and max(given) / min(given) > 20:
            ax.set_xscale("log")
    axes[0].set_ylabel("validation loss")
    return figure


def _picture(ax: Axes, grey: Array) -> None:
    low, high = np.percentile(grey, (0.5, 99.5))
    ax.imshow(grey, cmap="gray", vmin=low, vmax=high, interpolation="nearest")


def _outline(ax: Axes, mask: Array) -> None:
    if mask.any() and not mask.all():
        ax.contour(mask, [0.5], colors=SOLID, linewidths=0.7)


def _tint(ax: Axes, mask: Array, colour: str) -> None:
    """Lay a colour over the pixels of a mask."""
    rgba = np.zeros((*mask.shape, 4))
    rgba[mask] = (*mpl.colors.to_rgb(colour), 0.55)
    ax.imshow(rgba, interpolation="nearest")
