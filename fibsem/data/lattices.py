"""Lattices of pixels in pieces, on which a network that predicts every s-th pixel is scored.

A lattice is a starting pixel in a piece and every s-th pixel from there. One pass of the network
over the piece predicts all of it, at a cost independent of how many pixels are labelled. Only as
many lattices are drawn as hold enough pixels of each class. Like pieces, they are drawn with
probabilities that grow with their labelled pixels, above all of the rare class, and weighted by
the inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.labels import IGNORE, LabelArray
from fibsem.data.pieces import FEW, Pieces, inclusion, systematic

DoubleArray = npt.NDArray[np.float64]
CountArray = npt.NDArray[np.int64]

#: Minimum number of lattices drawn, so that some hold each class.
LEAST = 8


@dataclass(frozen=True)
class Lattices:
    """Lattices of some pieces.

    Attributes
    ----------
    piece
        (n,) index of the piece that each lies in.
    start
        (n, 2) first pixel (y, x), relative to the corner of its piece.
    weight
        (n,) weight of each of its pixels; only ratios matter.
    """

    piece: CountArray
    start: CountArray
    weight: DoubleArray

    def __len__(self) -> int:
        return len(self.piece)


def draw_lattices(
    pieces: Pieces,
    labels: Sequence[LabelArray],
    stride: int,
    most: int,
    rng: np.random.Generator,
    few: int = FEW,
) -> Lattices:
    """Draw lattices until they hold about ``few`` pixels of each class, or all are drawn.

    Parameters
    ----------
    pieces, labels
        The pieces, and the labels of each, (h, w) uint8.
    stride
        Pixels between neighbours of a lattice.
    most
        Maximum number of lattices, raised to :data:`LEAST` and to the number of pieces.
    rng
        Source of randomness.
    few
        Number of pixels of a class that is enough.

    Notes
    -----
    The draw is systematic along the pieces, in three strata: lattices with the common class only,
    with both classes and with the rare class only. Lattices with the rare class get half of the
    total probability and those with the common class at least about a quarter. Both are contiguous,
    so neither class is missed.
    """
    every = _every(labels, stride)
    weight = pieces.weight[every.piece]
    rare = int(np.argmin(pieces.counts))
    held = every.counts * weight[:, None]
    size = held.sum(1) / held.sum() + held[:, rare] / held[:, rare].sum()
    probability = _enough(size, every.counts, few, max(len(pieces), LEAST), most)
    stratum = (every.counts[:, rare] > 0) + (every.counts[:, 1 - rare] == 0).astype(int)
    share = every.counts[:, rare] / every.counts.sum(1)
    order = np.lexsort((rng.random(len(size)), share, every.piece, stratum))
    chosen = np.sort(order[systematic(probability[order], rng)])
    return Lattices(every.piece[chosen], every.start[chosen], weight[chosen] / probability[chosen])


@dataclass(frozen=True)
class _Every:
    """All lattices with a labelled pixel; ``counts`` are their pore and solid pixels, (n, 2)."""

    piece: CountArray
    start: CountArray
    counts: CountArray


def _every(labels: Sequence[LabelArray], stride: int) -> _Every:
    piece, start, counts = [], [], []
    for k, window_labels in enumerate(labels):
        grid = by_start(window_labels, stride)
        starts = np.argwhere(grid.any(axis=-1))
        piece.append(np.full(len(starts), k))
        start.append(starts)
        counts.append(grid[tuple(starts.T)])
    return _Every(np.concatenate(piece), np.concatenate(start), np.concatenate(counts))


def by_start(labels: LabelArray, stride: int) -> CountArray:
    """Count pore and solid pixels on every lattice of a label array, (start y, start x, 2).

    >>> by_start(np.array([[0, 1, 0], [1, 255, 1]], np.uint8), 2)[..., 0]
    array([[2, 0],
           [0, 0]])
    """
    rows, columns = (min(stride, side) for side in labels.shape)
    lacking = [(0, -side % step) for side, step in zip(labels.shape, (rows, columns), strict=True)]
    framed = np.pad(labels, lacking, constant_values=IGNORE)
    places = framed.reshape(-1, rows, framed.shape[1] // columns, columns)
    return np.stack([(places == value).sum((0, 2)) for value in (0, 1)], axis=-1)


def _enough(size: DoubleArray, counts: CountArray, few: int, least: int, most: int) -> DoubleArray:
    """Inclusion probabilities of the fewest lattices, at least ``least``, expected to be enough."""
    wanted, number = np.minimum(few, counts.sum(0)), min(least, len(size))
    most = min(max(most, number), len(size))
    while True:
        probability = inclusion(size, number)
        if number == most or (probability @ counts >= wanted).all():
            return probability
        number = min(2 * number, most)
