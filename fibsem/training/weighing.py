"""What a labelled pixel weighs in the loss: classes balanced, and as if all pixels had labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fibsem.data.pieces import Parts
from fibsem.data.sampling import LabelArray
from fibsem.models.spec import ModelSpec
from fibsem.training.changing import by_size
from fibsem.training.grids import GridShape
from fibsem.training.supply import FloatArray, Supply

#: Most that a pixel of a class weighs: beyond it the loss is that of a few pixels.
HEAVIEST = 10.0
#: Parts on which is tried what share of squares at a rare pixel that class has.
TRIED_PARTS = 64


def class_weights(
    parts: Parts, rare: tuple[int | None, float], extent: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Weights of pore and solid that balance what is drawn.

    They come from the whole training set: weights per batch blow up where a class is rare.

    Parameters
    ----------
    parts
        All that is learned from.
    rare
        The class that is drawn for too, if one is, and for which share of the windows.
    extent
        Pixels of labels across a window.
    rng
        Source of randomness.
    """
    counts = parts.both_classes()
    share, (value, for_rare) = counts / counts.sum(), rare
    if value is None:
        return 0.5 / float(share[0]), 0.5 / float(share[1])
    chosen, chance = by_size(parts.counts[:, value], TRIED_PARTS, rng)
    labels = [parts.regions[k].read() for k in chosen]
    among = share_at_rare(labels, chance, value, extent, rng)
    of_rare = np.where(np.arange(2) == value, among, 1 - among)
    return balancing(((1 - for_rare) * share + for_rare * of_rare).tolist())


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


def share_at_rare(
    labels: Sequence[LabelArray], chance: FloatArray, rare: int, extent: int,
    rng: np.random.Generator, draws: int = 400,
) -> float:  # fmt: skip
    """Share of the rare class in squares that are drawn at a pixel of it, by trying.

    ``chance`` is that of each part, all of which hold some: as :meth:`Supply.draw` has it.
    """
    places = [np.flatnonzero(part == rare) for part in labels]
    shares = []
    for k in rng.choice(len(labels), draws, p=chance):
        y, x = np.unravel_index(rng.choice(places[k]), labels[k].shape)
        top, left = max(0, y - int(rng.integers(extent))), max(0, x - int(rng.integers(extent)))
        square = labels[k][top : top + extent, left : left + extent]
        shares.append((square == rare).sum() / max(1, (square <= 1).sum()))
    return float(np.mean(shares))


def labelled_share(
    supply: Supply, extent: int, stride: int, rng: np.random.Generator, draws: int = 4000
) -> float:
    """Share of the pixels of squares that somebody labelled, as :meth:`Supply.draw` has them.

    By trying; exactly 1 where all are.

    Parameters
    ----------
    supply, extent, stride
        What is drawn from, and the squares: pixels across, of which those ``stride`` apart count.
    rng, draws
        Source of randomness, and how many are tried.
    """
    each = [window.labels for window in supply.windows]
    if all((labels <= 1).all() for labels in each):
        return 1.0
    squares = (
        each[k][y : y + extent : stride, x : x + extent : stride]
        for k, y, x in supply.draw(draws, extent, rng, stride)
    )
    return float(np.mean([(square <= 1).mean() for square in squares]))


def balancing(share: Sequence[float]) -> tuple[float, float]:
    """Weights of pore and solid that make up for their shares of what is drawn.

    >>> balancing([0.2, 0.8]), balancing([0.01, 0.99])
    ((2.5, 0.625), (10.0, 0.5050505050505051))
    """
    pore, solid = (min(HEAVIEST, 1 / (2 * part)) for part in share)
    return pore, solid
