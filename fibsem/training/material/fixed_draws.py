"""Fixed samples of a split on which trainings are scored: pixels, pieces and lattices.

Pixels and pieces depend only on the dataset, its split, the share and the sampling seed, so that
networks of any neighbourhood share them. The number of scored pixels within a piece depends on the
network, because its lattices have the stride of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.lattices import Lattices, draw_lattices
from fibsem.data.pieces import Pieces, draw_pieces
from fibsem.data.sampling import LatticeSample, lattice_pixels, sample_size
from fibsem.data.windows import LabelledWindow, read_windows
from fibsem.models.spec import ModelSpec
from fibsem.training.material.cache import Cache

#: Random stream of pieces and lattices.
PIECES = 10


@dataclass(frozen=True, eq=False)
class FixedDraws:
    """Fixed samples of one split for one network.

    Attributes
    ----------
    regions, volumes
        Labelled regions of the split, and corrected volumes by the name of their sample.
    spec
        Geometry of the network.
    windows
        Returns the windows of whole regions, which hold the pixels of :attr:`balanced`.
    share
        Share of the labelled pixels in :attr:`balanced`; None if the split is scored on pieces.
    seed
        Seed of the dataset's draws, and the number of the split.
    cache
        Holds pieces and their windows for all networks.
    """

    regions: Sequence[Region]
    volumes: Mapping[str, CorrectedVolume]
    spec: ModelSpec
    windows: Callable[[], Sequence[LabelledWindow]]
    share: float | None
    seed: tuple[int, int]
    cache: Cache

    @cached_property
    def balanced(self) -> LatticeSample:
        """Equal numbers of pore and solid pixels of all regions; needs a share."""
        assert self.share is not None
        labels = [window.labels for window in self.windows()]
        labelled = sum(int((window != IGNORE).sum()) for window in labels)
        return lattice_pixels(labels, max(2, sample_size(labelled, self.share)), self._rng())

    @property
    def pieces(self) -> Pieces:
        """Pieces that represent the split; see :mod:`fibsem.data.pieces`."""
        drawn = self.cache.pieces
        if self.seed not in drawn:
            drawn[self.seed] = draw_pieces(self.regions, self._rng(PIECES))
        return drawn[self.seed]

    @property
    def piece_windows(self) -> Sequence[LabelledWindow]:
        """The pieces with their surroundings, aligned to the network's pooling.

        Memory: 64 pieces of 208 x 208 x 11 at 81 x 81 x 11 are 122 MB for any split.
        """
        read, halo, multiple = self.cache.windows, self.spec.halo, self.spec.alignment
        key = ("pieces", self.seed, halo, multiple)
        if key not in read:
            read[key] = read_windows(self.pieces.regions, self.volumes, halo, multiple=multiple)
        return read[key]

    @property
    def scored(self) -> Sequence[LabelledWindow]:
        """Windows that hold the scored pixels: those of the pieces, or of whole regions."""
        return self.piece_windows if self.share is None else self.windows()

    def lattices(self, most: int) -> Lattices:
        """Return at most ``most`` lattices of the pieces, shared by networks of equal stride."""
        stride = self.spec.stride
        labels = [window.labels for window in self.piece_windows]
        return draw_lattices(self.pieces, labels, stride, most, self._rng(PIECES, stride))

    def _rng(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([*self.seed, *purpose])
