"""What a labelled pixel weighs in the loss: classes balanced, and as if all pixels had labels.

Both follow from the squares that a training sees, so these are drawn as it draws them, and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from fibsem.data.sampling import LabelArray
from fibsem.models.spec import ModelSpec
from fibsem.training.material.grids import GridShape
from fibsem.training.material.supply import Supply

#: Most that a pixel of a class weighs: beyond it the loss is that of a few pixels.
HEAVIEST = 10.0
#: Squares that are tried.
DRAWS = 4000


def class_weights(
    counts: npt.NDArray[np.integer], supply: Supply, extent: int, stride: int,
    rng: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    """Weights of pore and solid that balance what is drawn.

    They come from the whole training set: weights per batch blow up where a class is rare.

    Parameters
    ----------
    counts
        Pores and solids of all that is learned from; they say what is drawn where no class is rare.
    supply, extent, stride
        What is drawn from, and the squares: pixels across, of which those ``stride`` apart count.
    rng
        Source of randomness.
    """
    if supply.rare is None:
        share = counts / counts.sum()
        return 0.5 / float(share[0]), 0.5 / float(share[1])
    squares = list(_squares(supply, extent, stride, rng))
    drawn = np.array([sum(int((square == value).sum()) for square in squares) for value in (0, 1)])
    return balancing((drawn / drawn.sum()).tolist())


def pixel_weights(
    classes: tuple[float, float], supply: Supply, spec: ModelSpec, grid: GridShape,
    rng: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    """Weights of labelled pores and solids in a step of grid mode; all others weigh nothing.

    The loss of a step is divided by all of its pixels: so that it is the mean over those with a
    label, the weights of the ``classes`` are over the share of these, as is expected of any step.
    """
    share = labelled_share(supply, grid.extent(spec.stride), spec.stride, rng)
    if spec.family == "squares":
        share *= (grid.size / (grid.size + sum(spec.step_frame(grid.size)))) ** 2
    pore, solid = classes
    return pore / share, solid / share


def labelled_share(supply: Supply, extent: int, stride: int, rng: np.random.Generator) -> float:
    """Share of the pixels of squares that somebody labelled, as :meth:`Supply.draw` has them.

    By trying; exactly 1 where all are. Parameters as of :func:`class_weights`.
    """
    if all((window.labels <= 1).all() for window in supply.windows):
        return 1.0
    squares = _squares(supply, extent, stride, rng)
    return float(np.mean([(square <= 1).mean() for square in squares]))


def _squares(
    supply: Supply, extent: int, stride: int, rng: np.random.Generator
) -> Iterator[LabelArray]:
    """The labels of squares, as :meth:`Supply.draw` has them."""
    for k, y, x in supply.draw(DRAWS, extent, rng, stride):
        yield supply.windows[k].labels[y : y + extent : stride, x : x + extent : stride]


def balancing(share: Sequence[float]) -> tuple[float, float]:
    """Weights of pore and solid that make up for their shares of what is drawn.

    >>> balancing([0.2, 0.8]), balancing([0.01, 0.99])
    ((2.5, 0.625), (10.0, 0.5050505050505051))
    """
    pore, solid = (0.5 / max(part, 0.5 / HEAVIEST) for part in share)
    return pore, solid
