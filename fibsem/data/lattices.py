"""Which pixels of the pieces a network is scored on that gives every s-th one: lattices of them.

A lattice is a starting pixel of a piece and every s-th one from there: what one pass of the network
over the piece gives, at a cost that does not depend on what is labelled. As few of them are drawn
as hold enough of either class. Like pieces, they are drawn with probabilities that grow with what
they hold, of the rare class above all, and count by the inverse.
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

#: Lattices that are drawn at least: then some hold either class.
LEAST = 8


@dataclass(frozen=True)
class Lattices:
    """Lattices of some pieces.

    Attributes
    ----------
    piece
        (n,) which piece each is of.
    start
        (n, 2) pixels y, x by which it begins behind the corner of its piece.
    weight
        (n,) what each of its pixels counts; only ratios matter.
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
    """Draw lattices until about ``few`` pixels of each class lie on them, or all are drawn.

    Parameters
    ----------
    pieces, labels
        The pieces, and their labels, (h, w) uint8 each.
    stride
        Pixels between neighbours of a lattice.
    most
        Lattices, at most; but as many as there are pieces, and :data:`LEAST`, always.
    rng
        Source of randomness.
    few
        Pixels of a class that are enough.

    Notes
    -----
    The draw is systematic along the pieces, in three strata: lattices with the common class only,
    with both and with the rare one only. Half of all probability is where the rare class is, about
    a quarter at least where the common one is, and both are contiguous: neither is missed.
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
    """All lattices with a labelled pixel; ``counts`` are their pores and solids, (n, 2)."""

    piece: CountArray
    start: CountArray
    counts: CountArray


def _every(labels: Sequence[LabelArray], stride: int) -> _Every:
    piece, start, counts = [], [], []
    for k, part in enumerate(labels):
        grid = by_start(part, stride)
        some = np.argwhere(grid.any(axis=-1))
        piece.append(np.full(len(some), k))
        start.append(some)
        counts.append(grid[tuple(some.T)])
    return _Every(np.concatenate(piece), np.concatenate(start), np.concatenate(counts))


def by_start(labels: LabelArray, stride: int) -> CountArray:
    """Pores and solids on every lattice of some labels, (start y, start x, 2).

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
    """Probabilities of as few lattices as are expected to hold enough, from ``least`` on."""
    wanted, number = np.minimum(few, counts.sum(0)), min(least, len(size))
    most = min(max(most, number), len(size))
    while True:
        probability = inclusion(size, number)
        if number == most or (probability @ counts >= wanted).all():
            return probability
        number = min(2 * number, most)
