"""Read the windows of one network: with their surroundings, small ones grown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.windows import (
    Growth,
    LabelledWindow,
    Teaching,
    grown,
    growth,
    read_windows,
)
from fibsem.geometry import Triple


@dataclass(frozen=True, eq=False)
class WindowReader:
    """Reader of regions as windows.

    ``volumes`` maps sample names to corrected volumes; for ``halo``, ``at_least``, ``spare`` and
    ``teaching`` see :func:`fibsem.data.windows.load_windows`.
    """

    volumes: Mapping[str, CorrectedVolume]
    halo: Triple
    at_least: int = 1
    spare: int | None = None
    teaching: Teaching | None = None

    def read(self, regions: Sequence[Region]) -> tuple[LabelledWindow, ...]:
        """Read regions, given in the order of the dataset, with their surroundings."""
        return read_windows(
            regions, self.volumes, self.halo, at_least=self.at_least, spare=self.spare,
            teaching=self.teaching,
        )  # fmt: skip

    def labels(self, regions: Sequence[Region]) -> list[LabelledWindow]:
        """Read regions with empty images, because grey values take long to read."""
        windows, unread = [], np.empty((0, 0, 0), np.float32)
        for region in regions:
            labels = np.pad(region.read(), self._growth(region), constant_values=IGNORE)
            windows.append(LabelledWindow(region, unread, labels, (0, 0, 0)))
        return windows

    def bytes(self, region: Region) -> int:
        """Return the memory of a region's window in bytes."""
        return 4 * math.prod(grown(region.box, self._growth(region)).grow(self.halo).shape)

    def _growth(self, region: Region) -> Growth:
        return growth(region.box, self.at_least, self.spare)
