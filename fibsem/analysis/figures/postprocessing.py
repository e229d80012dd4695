"""Figures of post-processing: the grid search, and the steps on one square."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt

from fibsem.analysis.figures.style import PORE, SOLID, STYLE, AnyArray, axes_row, show_grey, tint
from fibsem.analysis.metrics import Confusion
from fibsem.analysis.postprocessing import PostProcessing, ScoredSquare, SearchGrid, stages


def postprocessing_surface(surface: AnyArray, grid: SearchGrid, best: PostProcessing) -> Figure:
    """Plot mIoU over threshold and sigma, at the best number of rounds and minimum size.

    Parameters
    ----------
    surface : (rounds, min_sizes, sigmas, thresholds) float
        Pooled mIoU, as the search returns it; nan (not evaluated) is drawn as the nearest value.
    grid, best
        Grid that was searched, and the best combination, which is marked.

    Examples
    --------
    ```python
    grid = SearchGrid(sigmas=(0.0, 1.0), thresholds=(0.4, 0.5, 0.6))
    surface = np.array([[[[0.70, 0.72, 0.71], [0.74, 0.78, 0.75]]]])
    postprocessing_surface(surface, grid, PostProcessing(sigma=1.0, threshold=0.5))
    ```
    """
    sigmas, thresholds = np.sort(grid.sigmas), np.sort(grid.thresholds)
    miou = 100 * surface[grid.rounds.index(best.rounds), grid.min_sizes.index(best.min_size)]
    miou = miou[np.ix_(np.argsort(grid.sigmas), np.argsort(grid.thresholds))]
    figure, (ax,) = axes_row(1, 4.6, 3.2)
    top = miou[np.searchsorted(sigmas, best.sigma), np.searchsorted(thresholds, best.threshold)]
    miou = _nearest(miou)
    drawn = ax.pcolormesh(_edges(thresholds), _edges(sigmas), miou, rasterized=True)
    figure.colorbar(drawn, ax=ax, label="validation mIoU (%)")
    below = top - miou
    points = [level for level in (0.1, 0.5, 1, 2, 5) if level < below.max()]
    if points and min(miou.shape) > 1:
        lines = ax.contour(thresholds, sigmas, below, points, colors="white", linewidths=0.7)
        ax.clabel(lines, points[1:], fmt="-%g", fontsize=6)
    ax.plot(best.threshold, best.sigma, "x", color=SOLID, ms=8, mew=2)
    small = f"components below {best.min_size} px" if best.min_size > 1 else "no components"
    ax.set(
        xlabel="threshold T",
        ylabel="sigma (pixels)",
        title=f"{top:.2f} % at T = {best.threshold:.4g}, sigma {best.sigma:g} px,\n"
        f"{best.rounds} round{'s' * (best.rounds - 1)}, {small} flipped",
    )
    return figure


def _nearest(values: AnyArray) -> AnyArray:
    """Replace nan by the value of the nearest cell that is not nan."""
    places = distance_transform_edt(np.isnan(values), return_distances=False, return_indices=True)
    return values[tuple(places)]


def _edges(values: AnyArray) -> AnyArray:
    """Return the edges of cells around ascending values."""
    half = np.diff(values) / 2 if len(values) > 1 else np.array([0.05])
    inner = values[:-1] + half if len(values) > 1 else []
    return np.concatenate([values[:1] - half[0], inner, values[-1:] + half[-1]])


def postprocessing_steps(grey: AnyArray, square: ScoredSquare, steps: PostProcessing) -> Figure:
    """Draw every step on one labelled square, from grey values to errors (Figure 4.9).

    Parameters
    ----------
    grey : (h, w) float
        Grey values of the square without its margin.
    square
        Scores and labels of the square.
    steps
        Parameters of the post-processing.

    Examples
    --------
    ```python
    scores = np.random.default_rng(0).random((72, 72), np.float32)
    square = ScoredSquare(scores, (scores[4:-4, 4:-4] > 0.5).astype(np.uint8), np.s_[4:-4, 4:-4])
    postprocessing_steps(scores[square.inner], square, PostProcessing(sigma=1.0, min_size=5))
    ```
    """
    images = [image[square.inner] for image in stages(square.scores, steps)]
    segmented = images[-1].astype(np.uint8)
    names = [
        f"smoothed, sigma {steps.sigma:g} px",
        f"solid from T = {steps.threshold:.4g} on",
    ]
    names += [f"{name}, second round" for name in names[: 2 * steps.rounds - 2]]
    pictures = [("scores", square.scores[square.inner]), *zip(names, images, strict=False)]
    if steps.min_size > 1:
        pictures.append((f"components below {steps.min_size} px flipped", segmented))
    confusion = Confusion.of(square.labels, segmented)
    half = np.where(square.labels > 1, 0.5, square.labels)  # unlabelled pixels are grey
    pictures.append((f"labels, porosity {confusion.label_porosity:.4f}", half))
    columns = -(-(len(pictures) + 2) // 2)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.3 * columns, 5.1), layout="constrained")
        axes = figure.subplots(2, columns).ravel()
    for ax in axes:
        ax.axis("off")
    show_grey(axes[0], grey)
    axes[0].set_title("grey values", fontsize=7)
    for ax, (title, picture) in zip(axes[1:], pictures, strict=False):
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.set_title(title, fontsize=7)
    _errors(axes[len(pictures) + 1], square.labels, segmented)
    title = f"mIoU {confusion.miou:.4f}, porosity {confusion.porosity:.4f}"
    colours = "blue: solid taken for pore, orange: pore missed"
    axes[len(pictures) + 1].set_title(f"{title}\n{colours}", fontsize=7)
    return figure


def _errors(ax: Axes, labels: AnyArray, segmented: AnyArray) -> None:
    """Draw the segmented labels in pale grey, with colours where they differ from ``labels``."""
    ax.imshow(segmented, cmap="gray", vmin=-2, vmax=1, interpolation="nearest")
    tint(ax, (labels == 1) & (segmented == 0), PORE)
    tint(ax, (labels == 0) & (segmented == 1), SOLID)
