"""Figures of segmentations: slices and squares beside their labels, and porosity by slice."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fibsem.analysis.figures.style import (
    NEUTRAL,
    PORE,
    SOLID,
    STYLE,
    AnyArray,
    axes_row,
    show_grey,
    shown,
    tint,
)


def overlay(
    grey: AnyArray, solid: AnyArray, truth: AnyArray | None = None, material: AnyArray | None = None
) -> Figure:
    """Draw one slice: grey values, segmented pores and, if given, true pores.

    Parameters
    ----------
    grey : (y, x) float
        Grey values.
    solid : (y, x) bool
        Segmented labels, True for solid.
    truth : (y, x) bool, optional
        Exact labels, True for solid.
    material : (y, x) bool, optional
        Where there is material; everything else is drawn black and does not count as pore.

    Examples
    --------
    ```python
    grey = np.random.default_rng(0).random((64, 64))
    overlay(grey, solid=grey > 0.4, truth=grey > 0.5)
    ```
    """
    shown = np.ones(grey.shape, bool) if material is None else material
    grey = np.where(shown, grey, grey.min())
    solid = solid | ~shown
    figure, axes = axes_row(
        2 if truth is None else 3, 3.4, 3.4 * grey.shape[0] / grey.shape[1] + 0.3
    )
    for ax in axes:
        ax.axis("off")
    show_grey(axes[0], grey)
    axes[0].set_title("grey values")
    show_grey(axes[1], grey)
    tint(axes[1], ~solid, PORE)
    axes[1].set_title(f"pores found: {100 * (1 - solid[shown].mean()):.1f} %")
    if truth is not None:
        show_grey(axes[2], grey)
        tint(axes[2], ~truth, PORE)
        axes[2].set_title(f"true pores: {100 * (1 - truth.mean()):.1f} %")
    return figure


def one_square(
    grey: AnyArray,
    labels: AnyArray,
    predictions: Mapping[str, tuple[AnyArray, float]],
    columns: int = 5,
) -> Figure:
    """Draw one labelled square as segmented by every model, with mIoU and porosity (Figure 4.7).

    Parameters
    ----------
    grey : (h, w) float
        Grey values.
    labels : (h, w) uint8
        0 pore, 1 solid; other values are unlabelled, drawn grey and not counted.
    predictions : mapping of model to (predicted labels, mIoU)
        Predicted labels (h, w), 0 pore and 1 solid.
    columns
        Largest number of images in a row.

    Examples
    --------
    ```python
    grey = np.random.default_rng(0).random((64, 64))
    labels, predicted = (grey > 0.5).astype(np.uint8), (grey > 0.45).astype(np.uint8)
    one_square(grey, labels, {"2dcnn": (predicted, 0.90)})
    ```
    """
    count = 2 + len(predictions)
    columns = min(columns, count)
    rows = -(-count // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.9 * columns, 2.15 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.axis("off")
    show_grey(axes[0], grey)
    axes[0].set_title("grey values", fontsize=7)
    counted = labels <= 1
    drawn = np.where(counted, labels, 0.5)
    pictures = {f"labels\nporosity {_porosity(labels, counted):.4f}": drawn}
    for name, (segmented, miou) in predictions.items():
        porosity = _porosity(segmented, counted)
        pictures[f"{name}\nmIoU {miou:.4f}, porosity {porosity:.4f}"] = segmented == 1
    for ax, (title, picture) in zip(axes[1:], pictures.items(), strict=False):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.set_title(title, fontsize=7)
    return figure


def _porosity(labels: AnyArray, counted: AnyArray) -> float:
    """Return the share of pores among the labelled pixels, nan if there are none."""
    return float((labels[counted] == 0).mean()) if counted.any() else float("nan")


def porosity_by_slice(values: Mapping[str, AnyArray]) -> Figure:
    """Plot the porosity of every slice of one or more segmented volumes.

    Parameters
    ----------
    values : mapping of volume to (z,) float
        Porosity; nan for a slice that is missing.

    Examples
    --------
    ```python
    porosity_by_slice({"HPC22": np.array([0.21, 0.23, np.nan, 0.22])})  # the third slice is missing
    ```
    """
    figure, (ax,) = axes_row(1, 6.4, max(2.8, 0.15 * len(values) + 0.5))  # with room for names
    marks = ("-", "--", ":", "-.")
    for k, (name, porosity) in enumerate(values.items()):
        colour = (PORE, SOLID, "#009E73", "#CC79A7", NEUTRAL)[k % 5]
        ax.plot(100 * porosity, marks[k // 5 % 4], lw=1.2, color=colour, label=shown(name))
    ax.set(xlabel="slice", ylabel="porosity (%)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
