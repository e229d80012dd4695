"""What the grey values of a film look like, whatever their offset and contrast."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fibsem.data.corrected import CorrectedVolume
from fibsem.data.material.extent import BoolArray
from fibsem.data.preprocessing import FloatArray, material_slices

#: Bins between -4 and 4 standard deviations; what lies beyond is in the outermost.
BINS, REACH = 64, 4.0

#: Shares of the pixels in the bins.
Histogram = tuple[float, ...]


def standardised_histogram(volume: CorrectedVolume) -> Histogram:
    """Histogram of corrected grey values minus their mean, over their standard deviation.

    Of the material in at most 20 evenly spaced slices; memory is that of one slice.
    """
    total = np.zeros(3)
    slices = list(material_slices(volume.shape, volume.extent))
    for box, inside in slices:
        grey = _material(volume.slice(box.start[0]), inside)
        total += grey.size, grey.sum(), np.square(grey).sum()
    count, mean = max(total[0], 1), total[1] / max(total[0], 1)
    spread = np.sqrt(max(total[2] / count - mean**2, 0.0)) or 1.0
    counts = np.zeros(BINS)
    for box, inside in slices:
        standard = (_material(volume.slice(box.start[0]), inside) - mean) / spread
        edge = np.nextafter(REACH, 0)
        counts += np.histogram(np.clip(standard, -REACH, edge), BINS, (-REACH, REACH))[0]
    return tuple(np.round(counts / count, 6).tolist())


def _material(image: FloatArray, inside: BoolArray | None) -> npt.NDArray[np.float64]:
    grey = image.astype(np.float64)
    return grey.ravel() if inside is None else grey[inside]


def distance(one: Histogram, other: Histogram) -> float:
    """How far two histograms are apart: the way that a pixel goes on average, in s.d.

    The earth mover's distance, which in one dimension is the area between the cumulated shares.

    >>> distance((0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    0.125
    """
    return float(np.abs(np.cumsum(one) - np.cumsum(other)).sum() * 2 * REACH / BINS)
