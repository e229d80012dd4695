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
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from fibsem.analysis.statistics import band

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


def learning_bands(
    curves: Mapping[str, tuple[Sequence[Sequence[float]], Sequence[Sequence[float]]]],
) -> Figure:
    """Training and validation loss by epoch, mean and 95 % interval over seeds (Figure 4.6).

    Parameters
    ----------
    curves : mapping of model to (training losses, validation losses)
        Each one sequence per seed, of one value per epoch.
    """
    figure, axes = _row(len(curves), 2.9, 2.4)
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
        ax.set(title=name, xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylabel("loss (mean, 95 % interval)")
    axes[0].legend(fontsize=7)
    return figure


def miou_by_neighbourhood(values: Mapping[str, Mapping[int, tuple[float, float]]]) -> Figure:
    """Validation mIoU against n_x = n_y, one line for every n_z or model (Figures 4.3, 4.4).

    Parameters
    ----------
    values : mapping of line to mapping of n_x to (mean, s.d.)
        MIoU in [0, 1].
    """
    figure, (ax,) = _row(1, 4.2, 3.0)
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, max(1, len(values))))
    for colour, (name, line) in zip(colours, values.items(), strict=True):
        sizes = sorted(line)
        mean = [100 * line[n][0] for n in sizes]
        std = [100 * line[n][1] if np.isfinite(line[n][1]) else 0.0 for n in sizes]
        ax.errorbar(sizes, mean, std, color=colour, marker="o", ms=3, lw=1.2, capsize=2, label=name)
    ax.set_xticks(sorted({n for line in values.values() for n in line}))
    ax.set(xlabel="n_x = n_y (pixels)", ylabel="validation mIoU (%)")
    ax.legend(fontsize=7, ncols=2)
    return figure


def boxes(values: Mapping[str, Sequence[float]], label: str) -> Figure:
    """One box per model over its seeds or squares, with every value on it (Figure 4.5)."""
    figure, (ax,) = _row(1, max(3.0, 0.62 * len(values) + 1), 3.0)
    ax.boxplot(list(values.values()), widths=0.5, showfliers=False, medianprops={"color": SOLID})
    for k, points in enumerate(values.values(), start=1):
        ax.plot([k] * len(points), points, ".", color=PORE, ms=4, alpha=0.7)
    ax.set_xticks(range(1, len(values) + 1), list(values), rotation=35, ha="right", fontsize=7)
    ax.set_ylabel(label)
    return figure


def one_square(
    grey: Array, labels: Array, predictions: Mapping[str, tuple[Array, float]], columns: int = 5
) -> Figure:
    """One labelled square as every model sees it, with mIoU and porosity (Figure 4.7).

    Parameters
    ----------
    grey : (h, w) float
        Grey values.
    labels : (h, w) uint8
        0 pore, 1 solid.
    predictions : mapping of model to (labels found, mIoU)
        Labels found (h, w), 0 pore and 1 solid.
    """
    count = 2 + len(predictions)
    columns = min(columns, count)
    rows = -(-count // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.9 * columns, 2.15 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.axis("off")
    _picture(axes[0], grey)
    axes[0].set_title("grey values", fontsize=7)
    pictures = {f"labels\nporosity {(labels == 0).mean():.4f}": labels}
    for name, (found, miou) in predictions.items():
        porosity = float((found == 0).mean())
        pictures[f"{name}\nmIoU {miou:.4f}, porosity {porosity:.4f}"] = found
    for ax, (title, picture) in zip(axes[1:], pictures.items(), strict=False):
        ax.imshow(picture == 1, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.set_title(title, fontsize=7)
    return figure


def network(paths: Sequence[Sequence[tuple[str, str, int, int, str]]], title: str) -> Figure:
    """Draw a network as boxes from left to right (Figures 4.1 and 4.2).

    Parameters
    ----------
    paths : sequence of paths of (label, extents, largest extent, channels, kind)
        One row per path; ``kind`` is input, conv, pool, dense or merge. The height of a box grows
        with the extent of its map, its width with the number of channels.
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


def feature_maps(maps: Mapping[str, Array], most: int = 8) -> Figure:
    """Feature maps layer by layer (thesis, appendix B).

    Parameters
    ----------
    maps : mapping of layer to (y, x, channel) float
        Maps of one input; the first ``most`` channels are drawn, one row per layer.
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


def history(hours: Sequence[float], values: Sequence[float], label: str, minimize: bool) -> Figure:
    """Value of every trial, and the best one so far, against the time since the sweep began."""
    figure, (ax,) = _row(1, 4.2, 2.8)
    best = np.minimum.accumulate(values) if minimize else np.maximum.accumulate(values)
    ax.plot(hours, values, "o", ms=4, color=PORE, alpha=0.6, label="trials")
    ax.step(hours, best, where="post", color=SOLID, lw=1.4, label="best so far")
    ax.set(xlabel="hours since the first trial", ylabel=label)
    ax.legend(fontsize=7)
    return figure


def searches(
    runs: Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]], label: str
) -> Figure:
    """Best value so far against time, of several runs of several ways to search; less is better.

    Parameters
    ----------
    runs : mapping of way to runs, each (minutes, values)
        When the trials of a run ended, in order, and what each reached.
    label
        What the values are.
    """
    figure, (ax,) = _row(1, 5.0, 3.2)
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
    """One line per trial through its hyperparameters, coloured by its value.

    Parameters
    ----------
    values : mapping of hyperparameter to its value in every trial
        Numbers or names; None where a trial does not have it.
    figure_of_merit
        Value of every trial.
    label
        What the value is.
    """
    columns = {**values, label: list(figure_of_merit)}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.15 * len(columns) + 1.2, 3.2), layout="constrained")
        ax = figure.subplots()
    heights = np.array([_on_axis(ax, k, column) for k, column in enumerate(columns.values())])
    merit = np.asarray(figure_of_merit, float)
    low, high = float(merit.min()), float(np.percentile(merit, 90))
    norm = mpl.colors.Normalize(low, max(high, low + 1e-9))
    for line, value in zip(heights.T, merit, strict=True):
        ax.plot(line, color=mpl.colormaps["viridis_r"](norm(value)), lw=1, alpha=0.8)
    ax.set(xlim=(-0.3, len(columns) - 0.7), ylim=(-0.08, 1.08), yticks=[])
    names = [name.split(".")[-1] for name in columns]
    ax.set_xticks(range(len(columns)), names, rotation=30, ha="right", fontsize=7)
    for spine in ("left", "bottom"):
        ax.spines[spine].set_visible(False)
    return figure


def _on_axis(ax: Axes, k: int, column: Sequence[Any]) -> list[float]:
    """Draw one coordinate with its labels; heights of the values in [0, 1], nan for none."""
    ax.axvline(k, color=NEUTRAL, lw=0.6, alpha=0.5)
    known = [value for value in column if value is not None]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)
    if numbers and len(set(known)) > 6:
        log = min(known) > 0 and max(known) / min(known) > 20
        scaled = np.log(known) if log else np.asarray(known, float)
        low, high = float(scaled.min()), float(scaled.max())
        for height, value in ((0.0, min(known)), (1.0, max(known))):
            ax.text(k + 0.04, height, f"{value:.3g}", fontsize=6, va="center")
        return [
            float("nan") if value is None
            else ((np.log(value) if log else value) - low) / (high - low)
            for value in column
        ]  # fmt: skip
    names = sorted(set(known)) if numbers else sorted({str(value) for value in known})
    place = {name: i / max(1, len(names) - 1) for i, name in enumerate(names)}
    for name, height in place.items():
        ax.text(k + 0.04, height, f"{name:.3g}" if isinstance(name, float) else str(name),
                fontsize=6, va="center")  # fmt: skip
    return [
        float("nan") if value is None else place[value if numbers else str(value)]
        for value in column
    ]


def bars(values: Mapping[str, float], label: str) -> Figure:
    """One bar per name, the longest on top."""
    ordered = sorted(values.items(), key=lambda item: item[1])
    figure, (ax,) = _row(1, 4.2, 0.3 * len(values) + 0.8)
    ax.barh([name for name, _ in ordered], [value for _, value in ordered], color=PORE)
    ax.set_xlabel(label)
    return figure


def pareto(
    points: Sequence[Sequence[float]], on_front: Sequence[bool], labels: Sequence[str]
) -> Figure:
    """Two objectives of every trial; those that no other one beats are joined.

    Parameters
    ----------
    points : sequence of (first, second)
        Objectives of every trial.
    on_front
        Which of them are on the front.
    labels
        Names of the objectives.
    """
    figure, (ax,) = _row(1, 4.0, 3.2)
    xy, front = np.asarray(points, float), np.asarray(on_front, bool)
    ax.plot(*xy[~front].T, "o", ms=4, color=NEUTRAL, alpha=0.5, label="trials")
    best = xy[front][np.argsort(xy[front][:, 0])]
    ax.plot(*best.T, "o-", ms=5, lw=1, color=SOLID, label="Pareto front")
    ax.set(xlabel=labels[0], ylabel=labels[1])
    if xy[:, 1].min() > 0 and xy[:, 1].max() / xy[:, 1].min() > 20:
        ax.set_yscale("log")
    ax.legend(fontsize=7)
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
