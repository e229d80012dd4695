"""Figures of trainings: learning curves and comparisons of models."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fibsem.analysis.figures.style import NEUTRAL, PORE, SOLID, axes_row, shown
from fibsem.analysis.statistics import band


def learning_curves(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Plot loss and mIoU by epoch, one line per run.

    Parameters
    ----------
    curves : mapping of run to mapping of ``loss`` and ``miou`` to values by epoch
        Metrics on the fixed validation sample.

    Examples
    --------
    ```python
    learning_curves({"seed 1": {"loss": (0.5, 0.4, 0.3), "miou": (0.70, 0.78, 0.80)}})
    ```
    """
    figure, axes = axes_row(2, 3.4, 2.6)
    for ax, key, label in zip(
        axes, ("loss", "miou"), ("validation loss", "validation mIoU"), strict=True
    ):
        for name, curve in curves.items():
            ax.plot(range(1, len(curve[key]) + 1), curve[key], lw=1.2, marker=".", label=name)
        ax.set(xlabel="epoch", ylabel=label)
    if len(curves) <= 10:
        axes[1].legend(fontsize=6)
    return figure


def learning_bands(
    curves: Mapping[str, tuple[Sequence[Sequence[float]], Sequence[Sequence[float]]]],
) -> Figure:
    """Plot training and validation loss by epoch: mean and 95 % interval over seeds (Figure 4.6).

    Parameters
    ----------
    curves : mapping of model to (training losses, validation losses)
        One sequence per seed, with one value per epoch.

    Examples
    --------
    ```python
    training, validation = [(0.6, 0.3), (0.5, 0.4)], [(0.7, 0.4), (0.6, 0.5)]  # two seeds
    learning_bands({"2dcnn": (training, validation)})
    ```
    """
    figure, axes = axes_row(len(curves), 2.9, 2.4)
    for ax, (name, (training, validation)) in zip(axes, curves.items(), strict=True):
        for losses, colour, label in (
            (training, PORE, "training"),
            (validation, SOLID, "validation"),
        ):
            mean, low, high = band(losses)
            epochs = range(1, len(mean) + 1)
            ax.plot(
                epochs,
                mean,
                color=colour,
                lw=1.2,
                label=label,
                marker="." if len(mean) == 1 else "",
            )
            ax.fill_between(epochs, low, high, color=colour, alpha=0.25, lw=0)
        _show_losses(ax, [*training, *validation])
        ax.set(title=textwrap.fill(name, 46), xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    several = any(len(losses) > 1 for pair in curves.values() for losses in pair)
    axes[0].set_ylabel("loss (mean, 95 % interval)" if several else "loss")
    axes[0].legend(fontsize=7)
    return figure


def _show_losses(ax: Axes, curves: Sequence[Sequence[float]]) -> None:
    """Fit the y axis to the losses, not to their interval, which is very wide over two runs."""
    values = np.concatenate([np.asarray(curve, np.float64) for curve in curves])
    values = values[np.isfinite(values)]
    if values.size and np.ptp(values):
        room = 0.1 * float(np.ptp(values))
        ax.set_ylim(float(values.min()) - room, float(values.max()) + room)


def miou_by_neighbourhood(values: Mapping[str, Mapping[int, tuple[float, float]]]) -> Figure:
    """Plot validation mIoU against n_x = n_y, one line per n_z or model (Figures 4.3, 4.4).

    Parameters
    ----------
    values : mapping of line to mapping of n_x to (mean, s.d.)
        MIoU in [0, 1].

    Examples
    --------
    ```python
    miou_by_neighbourhood({"n_z = 3": {33: (0.78, 0.01), 81: (0.81, 0.01)}})
    ```
    """
    figure, (ax,) = axes_row(1, 4.2, 3.0)
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, max(1, len(values))))
    for colour, (name, line) in zip(colours, values.items(), strict=True):
        sizes = sorted(line)
        mean = [100 * line[n][0] for n in sizes]
        std = [100 * line[n][1] if np.isfinite(line[n][1]) else 0.0 for n in sizes]
        ax.errorbar(
            sizes, mean, std, color=colour, marker="o", ms=3, lw=1.2, capsize=2, label=shown(name)
        )
    ax.set_xticks(sorted({n for line in values.values() for n in line}))
    ax.set(xlabel="n_x = n_y (pixels)", ylabel="validation mIoU (%)")
    ax.legend(fontsize=7, ncols=2)
    return figure


def differences(values: Mapping[str, tuple[float, float, float]], label: str) -> Figure:
    """Draw mean differences with the ends of their intervals, beside a line at 0.

    Without an interval (NaN) only the mean is drawn.

    Examples
    --------
    ```python
    differences({"squares": (0.010, 0.002, 0.018), "seeds": (0.012, -0.001, 0.025)}, "test mIoU")
    ```
    """
    figure, (ax,) = axes_row(1, 4.2, 0.4 * len(values) + 0.9)
    ax.axvline(0, color=NEUTRAL, lw=0.8, ls="--")
    for k, (mean, low, high) in enumerate(values.values()):
        ax.plot((low, high), (k, k), color=PORE, lw=1.5)
        ax.plot(mean, k, "o", color=PORE, ms=4)
    ax.set_yticks(range(len(values)), [shown(name) for name in values])
    ax.set_ylim(len(values) - 0.5, -0.5)
    ax.set_xlabel(shown(label))
    return figure


def boxes(values: Mapping[str, Sequence[float]], label: str) -> Figure:
    """Draw a box per model over its seeds or squares, with every value on top (Figure 4.5).

    Examples
    --------
    ```python
    boxes({"2dcnn": (0.80, 0.81, 0.83), "3dcnn": (0.82, 0.84, 0.83)}, "test mIoU")
    ```
    """
    figure, (ax,) = axes_row(1, max(3.0, 0.62 * len(values) + 1), 3.0)
    ax.boxplot(list(values.values()), widths=0.5, showfliers=False, medianprops={"color": SOLID})
    for k, points in enumerate(values.values(), start=1):
        ax.plot([k] * len(points), points, ".", color=PORE, ms=4, alpha=0.7)
    names = [shown(name) for name in values]
    ax.set_xticks(range(1, len(values) + 1), names, rotation=35, ha="right", fontsize=7)
    ax.set_ylabel(label)
    return figure
