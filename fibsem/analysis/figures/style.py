"""Colours and type of all figures, and what several of them draw."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fibsem.system.files import replace_file

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
    """Write a figure as PNG, whole or not at all."""
    page = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(page, format="png", bbox_inches="tight")
    replace_file(path, page.getvalue())
    return path


def axes_row(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Axes side by side."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width * count, height), layout="constrained")
        axes = figure.subplots(1, count, squeeze=False)[0]
    return figure, list(axes)


def show_grey(ax: Axes, grey: Array) -> None:
    """Grey values from black to white but for the extremes."""
    low, high = np.percentile(grey, (0.5, 99.5))
    ax.imshow(grey, cmap="gray", vmin=low, vmax=high, interpolation="nearest")


def draw_outline(ax: Axes, mask: Array) -> None:
    """Outline of a mask, if it has one."""
    if mask.any() and not mask.all():
        ax.contour(mask, [0.5], colors=SOLID, linewidths=0.7)


def tint(ax: Axes, mask: Array, colour: str) -> None:
    """Lay a colour over the pixels of a mask."""
    rgba = np.zeros((*mask.shape, 4))
    rgba[mask] = (*mpl.colors.to_rgb(colour), 0.55)
    ax.imshow(rgba, interpolation="nearest")
