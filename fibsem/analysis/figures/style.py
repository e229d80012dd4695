"""Colours, fonts and drawing helpers shared by all figures."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from fibsem.analysis.encoding import ILLEGAL
from fibsem.system.files import replace_file

#: Colours of pore and solid (Okabe and Ito, safe for colour blindness), and of everything else.
PORE, SOLID, NEUTRAL = "#0072B2", "#D55E00", "#444444"

#: Longest name in a figure, in characters.
LONGEST = 40

STYLE: dict[Any, Any] = {
    # start from defaults: a user's matplotlibrc may set LaTeX, fonts or sizes that do not fit
    **{key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")},
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.fonttype": "none",
    "svg.hashsalt": "fibsem",
}

AnyArray = npt.NDArray[Any]


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG and SVG, each atomically; returns the path of the PNG.

    Examples
    --------
    ```python
    save(bars({"dropout": 0.1, "learning rate": 0.6}, "importance"), Path("importance.png"))
    ```
    """
    replace_file(path, png(figure))
    replace_file(path.with_suffix(".svg"), svg(figure))
    return path


def png(figure: Figure) -> bytes:
    """Render a figure as PNG.

    Examples
    --------
    ```python
    Path("importance.png").write_bytes(png(bars({"dropout": 0.1}, "importance")))
    ```
    """
    return _rendered(figure, format="png")


def svg(figure: Figure) -> bytes:
    """Render a figure as SVG with selectable text; equal figures give identical bytes.

    Examples
    --------
    ```python
    Path("importance.svg").write_bytes(svg(bars({"dropout": 0.1}, "importance")))
    ```
    """
    drawing = _rendered(figure, format="svg", metadata={"Date": None}).decode()
    return ILLEGAL.sub("\ufffd", drawing).encode()


def _rendered(figure: Figure, **options: Any) -> bytes:
    page = io.BytesIO()
    _without_math(figure)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box is drawn instead
        figure.savefig(page, bbox_inches="tight", **options)
    return page.getvalue()


def _without_math(figure: Figure) -> None:
    """Turn off math text except for powers of ten at log axes: names may contain dollar signs.

    LaTeX is turned off, too, as a ``matplotlibrc`` may have set it when the text was created.
    """
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    logarithmic = [axis for axis in axes if axis.get_scale() == "log"]
    powers = {label for axis in logarithmic for label in axis.get_ticklabels(which="both")}
    for text in figure.findobj(Text):
        text.set_usetex(False)
        if text not in powers:
            text.set_parse_math(False)


def shown(name: str) -> str:
    """Shorten a user-given name to at most ``LONGEST`` characters for a figure.

    A leading underscore gets a space before it, because legends omit such names.

    >>> shown("HPC22"), shown("_a"), len(shown(260 * "x"))
    ('HPC22', ' _a', 40)
    """
    short = name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[1 - LONGEST // 2 :]}"
    return f" {short}" if short.startswith("_") else short


def axes_row(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Create a figure with ``count`` axes side by side, ``width`` x ``height`` inches each."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width * count, height), layout="constrained")
        axes = figure.subplots(1, count, squeeze=False)[0]
    return figure, list(axes)


def show_grey(ax: Axes, grey: AnyArray) -> None:
    """Draw grey values from black to white, clipped at the 0.5 and 99.5 % percentiles."""
    low, high = np.percentile(grey, (0.5, 99.5))
    ax.imshow(grey, cmap="gray", vmin=low, vmax=high, interpolation="nearest")


def draw_outline(ax: Axes, mask: AnyArray) -> None:
    """Draw the outline of a mask, unless it is all True or all False."""
    if mask.any() and not mask.all():
        ax.contour(mask, [0.5], colors=SOLID, linewidths=0.7)


def tint(ax: Axes, mask: AnyArray, colour: str) -> None:
    """Overlay the pixels of a mask with a translucent colour."""
    rgba = np.zeros((*mask.shape, 4))
    rgba[mask] = (*mpl.colors.to_rgb(colour), 0.55)
    ax.imshow(rgba, interpolation="nearest")
