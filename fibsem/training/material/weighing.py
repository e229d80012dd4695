"""Weights of labelled pixels in the loss, which balance the classes and make up for missing labels.

Both depend on the squares that a training sees; so squares are drawn in the same way, and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from fibsem.data.sampling import LabelArray
from fibsem.models.spec import ModelSpec
from fibsem.training.material.grids import GridShape
from fibsem.training.material.supply import Supply

#: Maximum weight of a class; above it the loss would depend on a few pixels.
HEAVIEST = 10.0
#: Number of squares that are drawn to estimate the weights.
DRAWS = 4000


def class_weights(
    counts: npt.NDArray[np.integer], supply: Supply, extent: int, stride: int,
    rng: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    """Return class weights of pore and solid that balance the drawn squares.

    They are computed for the whole training set, because weights per batch become huge when a class
    is rare.

    Parameters
    ----------
    counts
        Pore and solid pixels of the training set, which give the weights, without a maximum, if the
        supply has no rare class.
    supply, extent, stride
        Supply to draw from, side of a square in pixels, and distance of the pixels that count.
    rng
        Random generator.
    """
    if supply.rare is None:
        share = counts / counts.sum()
        return 0.5 / float(share[0]), 0.5 / float(share[1])
    squares = list(_squares(supply, extent, stride, rng))
    drawn = np.array(
        [sum(np.count_nonzero(square == value) for square in squares) for value in (0, 1)]
    )
    return balancing((drawn / drawn.sum()).tolist())


def pixel_weights(
    classes: tuple[float, float], supply: Supply, spec: ModelSpec, grid: GridShape,
    rng: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    """Return weights of labelled pore and solid pixels in grid mode; unlabelled pixels weigh 0.

    The loss of a step is divided by the number of all its pixels. To make it a mean over the
    labelled ones, the weights of the ``classes`` are divided by the expected labelled share.
    """
    share = labelled_share(supply, grid.extent(spec.stride), spec.stride, rng)
    if spec.family == "squares":
        share *= (grid.size / (grid.size + sum(spec.step_frame(grid.size)))) ** 2
    pore, solid = classes
    return pore / share, solid / share


def labelled_share(supply: Supply, extent: int, stride: int, rng: np.random.Generator) -> float:
    """Estimate the labelled share of the pixels of squares drawn by :meth:`Supply.draw`.

    It is exactly 1 if all pixels are labelled. For the parameters see :func:`class_weights`.
    """
    if all((window.labels <= 1).all() for window in supply.windows):
        return 1.0
    squares = _squares(supply, extent, stride, rng)
    return float(np.mean([np.count_nonzero(square <= 1) / square.size for square in squares]))


def _squares(
    supply: Supply, extent: int, stride: int, rng: np.random.Generator
) -> Iterator[LabelArray]:
    """Yield the labels of squares drawn by :meth:`Supply.draw`."""
    for k, y, x in supply.draw(DRAWS, extent, rng, stride):
        yield supply.windows[k].labels[y : y + extent : stride, x : x + extent : stride]


def balancing(share: Sequence[float]) -> tuple[float, float]:
    """Return class weights inverse to the shares of pore and solid, at most ``HEAVIEST``.

    >>> balancing([0.2, 0.8]), balancing([0.01, 0.99])
    ((2.5, 0.625), (10.0, 0.5050505050505051))
    """
    pore, solid = (0.5 / max(class_share, 0.5 / HEAVIEST) for class_share in share)
    return pore, solid
