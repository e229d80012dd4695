"""Fixed samples of a split on which trainings are scored: pixels, pieces and lattices.

Pixels and pieces depend only on the dataset, its split, the share and the sampling seed, so that
networks of any neighbourhood share them. The number of scored pixels within a piece depends on the
network, because its lattices have the stride of the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.lattices import Lattices, draw_lattices
from fibsem.data.pieces import Pieces
from fibsem.data.sampling import LatticeSample, lattice_pixels, sample_size
from fibsem.data.windows import LabelledWindow
from fibsem.models.spec import ModelSpec

#: Random stream of pieces and lattices.
PIECES = 10


@dataclass(frozen=True, eq=False)
class FixedDraws:
    """Fixed samples of one split for one network.

    Attributes
    ----------
    spec
        Geometry of the network.
    windows
        Windows that hold the scored pixels: those of the pieces, or of whole regions.
    pieces
        Pieces that represent the split; None if balanced pixels of whole regions do.
    share
        Share of the labelled pixels that are balanced pixels.
    seed
        Seed of the dataset's draws, and the number of the split.
    """

    spec: ModelSpec
    windows: Sequence[LabelledWindow]
    pieces: Pieces | None
    share: float
    seed: tuple[int, int]

    @cached_property
    def balanced(self) -> LatticeSample:
        """Equal numbers of pore and solid pixels of the windows."""
        labels = [window.labels for window in self.windows]
        labelled = sum(int((window != IGNORE).sum()) for window in labels)
        rng = np.random.default_rng(self.seed)
        return lattice_pixels(labels, max(2, sample_size(labelled, self.share)), rng)

    def lattices(self, most: int) -> Lattices:
        """Return at most ``most`` lattices of the pieces, shared by networks of equal stride."""
        assert self.pieces is not None
        labels, stride = [window.labels for window in self.windows], self.spec.stride
        rng = np.random.default_rng([*self.seed, PIECES, stride])
        return draw_lattices(self.pieces, labels, stride, most, rng)
