"""Distribution of the corrected grey values of a volume, and distances between distributions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.material.extent import BoolArray
from fibsem.data.preprocessing import FloatArray, material_slices
from fibsem.system.records import Stored

#: Number of bins between -4 and 4 standard deviations; values beyond go to the outermost bins.
BINS, REACH = 64, 4.0

#: Share of the pixels in each bin.
Histogram = tuple[float, ...]


@dataclass(frozen=True)
class Moments(Stored):
    """Mean and standard deviation of the corrected grey values of a volume."""

    mean: float
    spread: float

    def off(self, other: Moments) -> float:
        """How far the grey values are from those of another volume; 0 if equal.

        The larger of the difference of the means, in standard deviations of the other volume, and
        the absolute log2 of the ratio of the standard deviations.

        >>> Moments(0.5, 0.2).off(Moments(0.4, 0.1))
        1.0
        """
        if not (self.spread > 0 and other.spread > 0):
            return float("inf") if self != other else 0.0
        doubled = abs(np.log2(self.spread / other.spread))
        return float(round(max(abs(self.mean - other.mean) / other.spread, doubled), 6))


@dataclass(frozen=True)
class FilmGreys:
    """Moments of grey values, and the histogram of the values standardised by them."""

    histogram: Histogram
    moments: Moments


def greys_of(volume: CorrectedVolume) -> FilmGreys:
    """Compute moments and histogram of the material in at most 20 evenly spaced slices.

    Memory is that of one slice.
    """
    slices = list(material_slices(volume.shape, volume.extent, volume.volume.missing))

    def read() -> Iterator[npt.NDArray[np.float64]]:
        for box, inside in slices:
            yield _material(volume.slice(box.start[0]), inside)

    moments = _moments(read())
    return FilmGreys(_standardised(read(), moments), moments)


def _moments(greys: Iterable[npt.NDArray[np.float64]]) -> Moments:
    total = np.zeros(3)
    for grey in greys:
        total += grey.size, grey.sum(), np.square(grey).sum()
    count = max(total[0], 1)
    mean = total[1] / count
    return Moments(float(mean), float(np.sqrt(max(total[2] / count - mean**2, 0.0))))


def _standardised(greys: Iterable[npt.NDArray[np.float64]], moments: Moments) -> Histogram:
    count, spread, edge = 0, moments.spread or 1.0, np.nextafter(REACH, 0)
    counts = np.zeros(BINS)
    for grey in greys:
        standard = np.clip((grey - moments.mean) / spread, -REACH, edge)
        counts += np.histogram(standard, BINS, (-REACH, REACH))[0]
        count += grey.size
    return tuple(np.round(counts / max(count, 1), 6).tolist())


def _material(image: FloatArray, inside: BoolArray | None) -> npt.NDArray[np.float64]:
    grey = image.astype(np.float64)
    return grey.ravel() if inside is None else grey[inside]


def distance(one: Histogram, other: Histogram) -> float:
    """Distance of two histograms: how far a pixel moves on average, in standard deviations.

    The earth mover's distance, which in one dimension is the area between the cumulative shares.

    >>> distance((0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    0.125
    """
    return float(np.abs(np.cumsum(one) - np.cumsum(other)).sum() * 2 * REACH / BINS)
