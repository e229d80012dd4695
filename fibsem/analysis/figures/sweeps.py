"""Figures of sweeps, and comparisons of search methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fibsem.analysis.figures.style import NEUTRAL, PORE, SOLID, STYLE, AnyArray, axes_row

#: Pictures side by side in a figure of error maps.
ACROSS = 5


def history(
    hours: Sequence[float],
    values: Sequence[float],
    label: str,
    minimize: bool,
    within: Sequence[bool] | None = None,
) -> Figure:
    """Plot the value of every trial and the best value so far against the time since the start.

    Trials that are not ``within`` the bounds of the search are drawn hollow, and are never the
    best; by default all trials are within them.

    Examples
    --------
    ```python
    history(hours=(0.0, 0.2, 0.3), values=(0.4, 0.2, 0.3), label="loss", minimize=True)
    ```
    """
    figure, (ax,) = axes_row(1, 4.2, 2.8)
    value = np.asarray(values, float)
    unit, scale = ("minutes", 60) if max(hours, default=0) < 2 else ("hours", 1)
    when = scale * np.asarray(hours, float)
    good = np.ones(len(value), bool) if within is None else np.asarray(within, bool)
    worst = np.inf if minimize else -np.inf
    best = (np.minimum if minimize else np.maximum).accumulate(np.where(good, value, worst))
    ax.plot(when[good], value[good], "o", ms=4, color=PORE, alpha=0.6, label="trials")
    ax.step(when, np.where(np.isfinite(best), best, np.nan), where="post", color=SOLID, lw=1.4,
            label="best so far")  # fmt: skip
    if not good.all():
        ax.plot(when[~good], value[~good], "o", ms=4, mfc="none", color=PORE, alpha=0.6,
                label="beyond a bound")  # fmt: skip
    ax.set(xlabel=f"{unit} since the first trial", ylabel=label)
    ax.legend(fontsize=7)
    return figure


def searches(
    runs: Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]], label: str
) -> Figure:
    """Plot the best value so far against time for several runs of search methods; less is better.

    Parameters
    ----------
    runs : mapping of method to runs, each (minutes, values)
        Times at which the trials of a run ended, in order, and the value of each trial.
    label
        Name of the values.

    Examples
    --------
    ```python
    minutes = (1, 2, 3)
    searches({"tpe": [(minutes, (0.5, 0.3, 0.4))], "random": [(minutes, (0.6, 0.5, 0.4))]}, "loss")
    ```
    """
    figure, (ax,) = axes_row(1, 5.0, 3.2)
    for (way, several), colour in zip(runs.items(), (PORE, SOLID, NEUTRAL), strict=False):
        for k, (minutes, values) in enumerate(several):
            best = np.minimum.accumulate(values)
            ax.step(minutes, best, where="post", color=colour, lw=1.5, alpha=0.8,
                    label=None if k else way)  # fmt: skip
    ax.set(xlabel="time (min)", ylabel=f"best {label} so far")
    ax.legend()
    return figure


def parallel_coordinates(
    values: Mapping[str, Sequence[Any]], figure_of_merit: Sequence[float], label: str
) -> Figure:
    """Draw one line per trial through its hyperparameters, coloured by its value.

    Parameters
    ----------
    values : mapping of hyperparameter to its value in every trial
        Numbers or names; None if a trial does not have the hyperparameter.
    figure_of_merit
        Value of every trial.
    label
        Name of the value.

    Examples
    --------
    ```python
    values = {"model.filters": (16, 32, 32), "model.dropout": (None, 0.1, 0.2)}
    parallel_coordinates(values, figure_of_merit=(0.4, 0.2, 0.3), label="loss")
    ```
    """
    columns = {**values, label: list(figure_of_merit)}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(0.8 * len(columns) + 1.2, 3.2), layout="constrained")
        ax = figure.subplots()
    heights = np.array([_on_axis(ax, k, column) for k, column in enumerate(columns.values())])
    merit = np.asarray(figure_of_merit, float)
    low, high = float(merit.min()), float(np.percentile(merit, 90))
    norm = mpl.colors.Normalize(low, max(high, low + 1e-9))
    for line, value in zip(heights.T, merit, strict=True):
        colour = mpl.colormaps["viridis_r"](norm(value))
        ax.plot(line, color=colour, lw=1, alpha=0.8)
        drawn = np.flatnonzero(np.isfinite(line))
        if len(drawn) < len(line):  # bridge hyperparameters of other architectures
            ax.plot(drawn, line[drawn], color=colour, lw=0.8, ls=":", alpha=0.8)
    ax.set(xlim=(-0.3, len(columns) - 0.7), ylim=(-0.08, 1.08), yticks=[])
    names = [name.split(".")[-1] for name in columns]
    ax.set_xticks(range(len(columns)), names, rotation=30, ha="right", fontsize=8)
    for spine in ("left", "bottom"):
        ax.spines[spine].set_visible(False)
    return figure


def _on_axis(ax: Axes, k: int, column: Sequence[Any]) -> list[float]:
    """Draw one axis with its labels; return the heights of the values in [0, 1], nan for None."""
    ax.axvline(k, color=NEUTRAL, lw=0.6, alpha=0.5)
    values = [value for value in column if value is not None]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if numbers and len(set(values)) > 6:
        log = min(values) > 0 and max(values) / min(values) > 20
        scaled = np.log(values) if log else np.asarray(values, float)
        low, high = float(scaled.min()), float(scaled.max())
        for height, value in ((0.0, min(values)), (1.0, max(values))):
            ax.text(k + 0.04, height, f"{value:.3g}", fontsize=7, va="center")
        return [
            float("nan") if value is None
            else ((np.log(value) if log else value) - low) / (high - low)
            for value in column
        ]  # fmt: skip
    names = sorted(set(values)) if numbers else sorted({str(value) for value in values})
    heights = {name: i / max(1, len(names) - 1) for i, name in enumerate(names)}
    for name, height in heights.items():
        ax.text(k + 0.04, height, f"{name:.3g}" if isinstance(name, float) else str(name),
                fontsize=7, va="center")  # fmt: skip
    return [
        float("nan") if value is None else heights[value if numbers else str(value)]
        for value in column
    ]


def error_maps(
    grey: AnyArray, labels: AnyArray, errors: Mapping[str, AnyArray], label: str
) -> Figure:
    """Draw grey values and labels of one square, and the errors of several trials in it.

    Parameters
    ----------
    grey, labels : (h, w, 3) uint8
        Pictures of the grey values and of the labels.
    errors : mapping of title to (h, w, 3) uint8
        Pictures of the errors of each trial; a smaller one begins at the same pixel.
    label
        What the titles say of a trial.

    Examples
    --------
    ```python
    square = np.zeros((64, 64, 3), np.uint8)
    error_maps(square, square, errors={"1: trial 7": square + 224}, label="rank, trial")
    ```
    """
    pictures = {"grey values": grey, "labels": labels, **errors}
    columns = min(len(pictures), ACROSS)
    rows = -(-len(pictures) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.4 * columns, 1.7 * rows + 0.5), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    height, width = max(picture.shape[:2] for picture in pictures.values())
    for ax, (title, picture) in zip(axes, pictures.items(), strict=False):
        ax.imshow(picture, interpolation="nearest")
        ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        ax.set_title(title, fontsize=7)
    marks = [
        Patch(color=PORE, label="solid taken for pore"), Patch(color=SOLID, label="pore missed"),
    ]  # fmt: skip
    figure.legend(
        handles=marks, loc="outside lower center", ncols=2, fontsize=7,
        title=label, title_fontsize=7,
    )  # fmt: skip
    return figure


def bars(values: Mapping[str, float], label: str) -> Figure:
    """Draw one bar per name, the longest on top.

    Examples
    --------
    ```python
    bars({"dropout": 0.1, "learning rate": 0.6}, "importance")
    ```
    """
    ordered = sorted(values.items(), key=lambda item: item[1])
    figure, (ax,) = axes_row(1, 4.2, 0.3 * len(values) + 0.8)
    ax.barh([name for name, _ in ordered], [value for _, value in ordered], color=PORE)
    ax.set_xlabel(label)
    return figure


def pareto(
    points: Sequence[Sequence[float]], on_front: Sequence[bool], labels: Sequence[str]
) -> Figure:
    """Plot two objectives of every trial, with the Pareto front as a line.

    Parameters
    ----------
    points : sequence of (first, second)
        Objectives of every trial.
    on_front
        Whether each trial is on the Pareto front.
    labels
        Names of the objectives.

    Examples
    --------
    ```python
    points = [(0.20, 30), (0.15, 90), (0.25, 80)]
    pareto(points, on_front=(True, True, False), labels=("loss", "seconds per gigapixel"))
    ```
    """
    figure, (ax,) = axes_row(1, 4.0, 3.2)
    xy, front = np.asarray(points, float), np.asarray(on_front, bool)
    ax.plot(*xy[~front].T, "o", ms=4, color=NEUTRAL, alpha=0.5, label="trials")
    best = xy[front][np.argsort(xy[front][:, 0])]
    ax.plot(*best.T, "o-", ms=5, lw=1, color=SOLID, label="Pareto front")
    ax.set(xlabel=labels[0], ylabel=labels[1])
    if xy[:, 1].min() > 0 and xy[:, 1].max() / xy[:, 1].min() > 20:
        ax.set_yscale("log")
    ax.legend(fontsize=7)
    return figure
