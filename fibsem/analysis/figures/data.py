"""Figures of a dataset: grey values, gradients, labelled squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from fibsem.analysis.figures.style import (
    NEUTRAL,
    PORE,
    SOLID,
    STYLE,
    AnyArray,
    axes_row,
    draw_outline,
    show_grey,
    shown,
    tint,
)


def histograms(counts: Mapping[str, AnyArray], edges: AnyArray) -> Figure:
    """Plot the histogram of grey values of every sample (thesis Figure 3.3).

    Parameters
    ----------
    counts : mapping of sample to (bins,) int
        Number of pixels by grey value.
    edges : (bins + 1,) float
        Edges of the bins, in [0, 1].

    Examples
    --------
    ```python
    histograms({"HPC22": np.array([10, 50, 30, 10])}, edges=np.linspace(0, 1, 5))
    ```
    """
    figure, axes = axes_row(len(counts), 2.8, 2.2)
    for ax, (name, count) in zip(axes, counts.items(), strict=True):
        density = count / max(1, count.sum()) / np.diff(edges)
        ax.stairs(density, edges, fill=True, color=NEUTRAL, alpha=0.8)
        ax.set(title=shown(name), xlabel="grey value", xlim=(edges[0], edges[-1]))
    axes[0].set_ylabel("probability density")
    return figure


def gradients(profiles: Mapping[str, tuple[AnyArray, AnyArray]], axis: str) -> Figure:
    """Plot mean grey values along an axis, fitted line and corrected values (thesis Figure 3.5).

    Parameters
    ----------
    profiles : mapping of sample to (profile, line)
        Both (n,) float in [0, 1].
    axis
        Name of the array axis.

    Examples
    --------
    ```python
    line = np.linspace(0.5, 0.4, 100)
    gradients({"HPC22": (line + 0.02 * np.sin(np.arange(100)), line)}, axis="x")
    ```
    """
    figure, axes = axes_row(len(profiles), 2.8, 2.2)
    for ax, (name, (profile, line)) in zip(axes, profiles.items(), strict=True):
        ax.plot(
            profile,
            color=NEUTRAL,
            lw=0.8,
            label="mean of columns" if axis == "x" else "mean of rows",
        )
        ax.plot(line, color=SOLID, lw=1.5, label="line")
        ax.plot(profile - line + profile.mean(), color=PORE, lw=0.8, label="corrected")
        ax.set(title=shown(name), xlabel=f"{axis} (pixels)")
    axes[0].set_ylabel("grey value")
    axes[-1].legend(fontsize=7)
    return figure


def classes(values: Mapping[str, Mapping[str, Sequence[AnyArray]]]) -> Figure:
    """Plot histograms of labelled pores and solid in each split (thesis Figure 3.7).

    Parameters
    ----------
    values : mapping of sample to split to (pore, solid)
        Grey values in [0, 1] of the labelled pixels, each (n,) float.

    Examples
    --------
    ```python
    pore, solid = np.array([0.1, 0.2, 0.3]), np.array([0.6, 0.7, 0.8])
    classes({"HPC22": {"train": (pore, solid), "val": (pore, solid)}})
    ```
    """
    parts = list(next(iter(values.values())))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.6 * len(parts), 1.7 * len(values)), layout="constrained")
        grid = figure.subplots(len(values), len(parts), squeeze=False, sharex=True)
    for row, (name, by_part) in zip(grid, values.items(), strict=True):
        for ax, (split, (pore, solid)) in zip(row, by_part.items(), strict=True):
            for grey, colour, label in ((pore, PORE, "pore"), (solid, SOLID, "solid")):
                count, edges = np.histogram(grey, 100, (0, 1))
                density = count / max(1, pore.size + solid.size) / np.diff(edges)
                ax.stairs(density, edges, fill=True, color=colour, alpha=0.6, label=label)
            ax.set_title(f"{shown(name)}, {split}")
        row[0].set_ylabel("probability density")
    for ax in grid[-1]:
        ax.set_xlabel("grey value")
    grid[0, -1].legend(fontsize=7)
    return figure


def squares(
    pictures: Sequence[tuple[str, AnyArray, AnyArray]], columns: int = 6, *, of: int = 0
) -> Figure:
    """Draw labelled squares with the outlines of their labels, for inspection by eye.

    Parameters
    ----------
    pictures : sequence of (title, grey, labels)
        Grey values (h, w) float; labels (h, w) with 1 for solid and above 1 for unlabelled.
    columns
        Number of squares in a row.
    of
        Total number of squares, stated in the title if not all of them are drawn.

    Examples
    --------
    ```python
    grey = np.random.default_rng(0).random((64, 64))
    squares([("HPC22, slice 3", grey, (grey > 0.5).astype(np.uint8))], columns=1, of=30)
    ```
    """
    rows = -(-len(pictures) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2 * columns, 2.15 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.axis("off")
    for ax, (title, grey, labels) in zip(axes, pictures, strict=False):
        show_grey(ax, grey)
        draw_outline(ax, np.ma.masked_array(labels == 1, labels > 1))
        tint(ax, labels > 1, NEUTRAL)
        ax.set_title(shown(title), fontsize=7)
    if of > len(pictures):
        figure.suptitle(f"{len(pictures)} of {of} squares", fontsize=9)
    return figure
