"""One block seen mirrored and turned: the scores of all views, each turned back, are averaged.

A view of a tile has the scores that the same view has in the whole slice: where the pools of a
network fall is told by whole-slice coordinates, mirrored ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
#: Legal numbers of views: the block as it is, and mirrored in x, in y too, and turned as well.
SYMMETRIES = (1, 2, 4, 8)


@dataclass(frozen=True)
class View:
    """What is done to a block (y, x, z), in this order: y and x mirrored, then swapped."""

    mirrored: tuple[bool, bool] = (False, False)
    swapped: bool = False

    def scores(
        self,
        block: FloatArray,
        score: Callable[[FloatArray], FloatArray],
        halo: int,
        alignment: int,
    ) -> FloatArray:
        """Scores (y, x) of a block (y + 2 halo, x + 2 halo, z) as this view has them.

        A mirrored block begins at its far end, which need not be a multiple of ``alignment``; as
        much is put before it as is missing. Nobody looks there: a halo is the reach of the network
        and ``alignment`` more.
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
    """Views of a block, the first one as it is.

    >>> list(views(2))
    [View(mirrored=(False, False), swapped=False), View(mirrored=(False, True), swapped=False)]
    """
    for swapped, y, x in product((False, True), repeat=3):
        if (symmetry >= 8 or not swapped) and (symmetry >= 4 or not y) and (symmetry >= 2 or not x):
            yield View((y, x), swapped)
