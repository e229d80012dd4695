"""Histograms and statistics of the grey values of a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.samples import Sample
from fibsem.data.preprocessing import evenly_spaced, read_material

#: One bin per 16-bit grey value; every 8-bit value has its own bin, too.
BINS = 65536


@dataclass(frozen=True)
class Greys:
    """Grey values of a sample in [0, 1], from at most 20 evenly spaced slices."""

    counts: npt.NDArray[np.int64]
    mean: float
    std: float

    @property
    def median(self) -> float:
        """Median grey value, in [0, 1]."""
        ranks = self.counts.cumsum()
        return float(np.searchsorted(ranks, (ranks[-1] + 1) // 2) / (BINS - 1))

    @property
    def saturated(self) -> tuple[float, float]:
        """Share of pixels at the darkest and at the brightest possible value."""
        total = self.counts.sum()
        return float(self.counts[0] / total), float(self.counts[-1] / total)

    def coarse(self, bins: int = 256) -> npt.NDArray[np.int64]:
        """Return the counts summed over ``bins`` coarser bins."""
        summed: npt.NDArray[np.int64] = self.counts.reshape(bins, -1).sum(axis=1)
        return summed


def greys(sample: Sample) -> Greys:
    """Count the grey values of a sample, in its material only."""
    counts = np.zeros(BINS, np.int64)
    sums = np.zeros(3)
    for _, unit, inside in read_material(sample.volume, sample.extent):
        grey = unit if inside is None else unit[0, inside]
        counts += np.bincount(np.rint(grey * (BINS - 1)).astype(np.int64).ravel(), minlength=BINS)
        grey64 = grey.astype(np.float64)
        sums += [grey.size, grey64.sum(), np.square(grey64).sum()]
    mean = sums[1] / sums[0]
    return Greys(counts, float(mean), float(np.sqrt(max(0.0, sums[2] / sums[0] - mean**2))))


def left_out_shares(sample: Sample) -> dict[str, float]:
    """Return the share of pixels without material in evenly spaced slices, by kind."""
    slices = evenly_spaced(sample.volume.shape[0])
    area = len(slices) * sample.volume.shape[1] * sample.volume.shape[2]
    counts = sample.extent.left_out(slices) if sample.extent else {}
    return {kind: count / area for kind, count in counts.items()}
