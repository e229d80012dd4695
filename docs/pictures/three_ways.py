"""Draws ``three_ways.svg``: one network as patch, grid and dense."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

SIDE, FIELD, STRIDE = 26, 9, 4  # of the drawn slice, the window and its steps, in squares
INK, SEEN, GIVEN = "#444444", "#9ecae1", "#D55E00"

mpl.rcParams.update({"svg.hashsalt": "fibsem", "svg.fonttype": "path", "font.size": 9})


def panel(ax, title, below, windows, given):
    """One slice, what is seen of it, and the pixels that get a probability."""
    ax.add_patch(Rectangle((0, 0), SIDE, SIDE, fc="#f4f4f4", ec=INK, lw=0.8))
    for x, y, w, h in windows:
        ax.add_patch(Rectangle((x, y), w, h, fc=SEEN, ec=INK, lw=0.8, alpha=0.6))
    for x, y in given:
        ax.add_patch(Rectangle((x, y), 1, 1, fc=GIVEN, ec="white", lw=0.3))
    ax.set(xlim=(-1, SIDE + 1), ylim=(SIDE + 1, -1), aspect="equal", title=title)
    ax.text(SIDE / 2, SIDE + 1.5, below, ha="center", va="top", fontsize=8)
    ax.axis("off")


def main():
    """Draw the three panels side by side."""
    figure = Figure(figsize=(8, 3.3), layout="constrained")
    patch, grid, dense = figure.subplots(1, 3)
    half = FIELD // 2
    panel(patch, "patch", "one window of the field,\none pixel", [(8, 8, FIELD, FIELD)],
          [(8 + half, 8 + half)])  # fmt: skip
    steps = 4
    side = FIELD + STRIDE * (steps - 1)
    corner = (SIDE - side) // 2
    spots = [corner + half + STRIDE * k for k in range(steps)]
    panel(grid, "grid", "a larger window,\npixels a stride apart", [(corner, corner, side, side)],
          [(x, y) for x in spots for y in spots])  # fmt: skip
    tile = range(8, 18)
    first = tile[0] - half
    panel(dense, "dense", "a tile grown by the halo,\nevery pixel",
          [(first, first, len(tile) + 2 * half, len(tile) + 2 * half)],
          [(x, y) for x in tile for y in tile])  # fmt: skip
    dense.annotate("", (first, 13), (tile[0], 13), arrowprops={"arrowstyle": "<->", "color": INK})
    dense.text(first + half / 2, 12.4, "halo", ha="center", va="bottom", fontsize=7)
    patch.annotate("", (8, 18.2), (17, 18.2), arrowprops={"arrowstyle": "<->", "color": INK})
    patch.text(12.5, 18.6, "field", ha="center", va="top", fontsize=7)
    figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
