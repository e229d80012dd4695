"""Mirrored and turned views of a block, whose scores are turned back and averaged.

A view of a tile has the same scores as this view of the whole slice: the pools of a network are
aligned by the coordinates of the whole slice, in mirrored views, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
#: Legal numbers of views: the block alone; with its mirror image in x; with the mirror images in y;
#: with all of these turned.
SYMMETRIES = (1, 2, 4, 8)


@dataclass(frozen=True)
class View:
    """A view of a block (y, x, z): axes that are mirrored, and whether y and x are swapped then."""

    mirrored: tuple[bool, bool] = (False, False)
    swapped: bool = False

    def scores(
        self,
        block: FloatArray,
        score: Callable[[FloatArray], FloatArray],
        halo: int,
        alignment: int,
    ) -> FloatArray:
        """Score a block (y + 2 halo, x + 2 halo, z) in this view; return scores (y, x) turned back.

        A mirrored block begins at its far end, which need not be a multiple of ``alignment``; so
        it is padded there. Scores do not depend on the padding, since the halo is larger than the
        reach of the network by ``alignment``.
        """
        missing = [
            -(n - 2 * halo) % alignment if mirrored else 0
            for n, mirrored in zip(block.shape[:2], self.mirrored, strict=True)
        ]
        turn = tuple(slice(None, None, -1 if mirrored else 1) for mirrored in self.mirrored)
        mirrored = np.pad(block[turn], [(missing[0], 0), (missing[1], 0), (0, 0)])
        if self.swapped:
            mirrored = np.swapaxes(mirrored, 0, 1)
        scores = score(np.ascontiguousarray(mirrored))
        if self.swapped:
            scores = scores.T
        return scores[missing[0] :, missing[1] :][turn]


def views(symmetry: int) -> Iterator[View]:
    """Yield the views of a block, the unchanged one first.

    >>> list(views(2))
    [View(mirrored=(False, False), swapped=False), View(mirrored=(False, True), swapped=False)]
    """
    for swapped, y, x in product((False, True), repeat=3):
        if (symmetry >= 8 or not swapped) and (symmetry >= 4 or not y) and (symmetry >= 2 or not x):
            yield View((y, x), swapped)
