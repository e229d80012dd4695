r"""Integral range: the volume that counts as one independent sample of the material.

.. math:: A = \frac{1}{\phi (1 - \phi)} \int C(h) \, dh, \qquad
          \mathrm{Var}(\phi_V) = \phi (1 - \phi) \, A / V

for volumes V much larger than A. Lantuejoul, J. Microsc. 161 (1991) 387; Kanit et al., Int. J.
Solids Struct. 40 (2003) 3647. The covariance of cells has the same integral as that of voxels, so
it is computed from the porosity of cells, whose array is small even for a large film.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import irfftn, next_fast_len, rfftn

from fibsem.analysis.structure.cells import Cells

Array = npt.NDArray[np.float64]

#: The covariance is summed up to this multiple of its first zero, which includes the negative part
#: and the rise after it, but over at most this share of the film's volume: the error of the sum
#: grows with it, to about a third at one in twenty. With regularly spaced pores, as in the phantom,
#: the part between one and three times the zero cancels nine tenths of the sum.
ZEROS, MOST_VOLUME = 4.0, 0.05
#: Largest share of the sum lost to the film's own mean; above it, the film is too small.
MOST_LOST = 0.5


@dataclass(frozen=True)
class IntegralRange:
    """Integral range of a film, and the sampling error of porosity that follows from it.

    Attributes
    ----------
    volume
        The integral range, in the cube of the unit; nan if the film is too small to estimate it.
    cutoff
        Length up to which the covariance was summed.
    sd
        Standard deviation of porosity between volumes of this size from the same material.
    degrees
        Degrees of freedom of ``sd``: number of balls of radius ``cutoff`` in the film, or of discs
        if the film is thinner.
    """

    volume: float
    cutoff: float
    sd: float
    degrees: float


def integral_range(cells: Cells, cutoff: float | None = None) -> IntegralRange:
    """Estimate the integral range of a film, the volume that counts as one independent sample.

    Parameters
    ----------
    cells
        Counts of pore and known voxels, from :class:`.CellCounts`.
    cutoff
        Length up to which the covariance is summed; None: four times its first zero, within a ball
        (or disc) of at most a twentieth of the film's volume.

    Notes
    -----
    The covariance is taken around the film's own mean, which lowers it by the very variance that
    is estimated: of a sum over n lags in a film of N cells n / N is lost, for which the result is
    corrected.

    Examples
    --------
    Voxels that are drawn one by one, each a sample of its own:

    >>> from fibsem.analysis.structure import Film
    >>> from fibsem.analysis.structure.cells import CellCounts
    >>> labels = np.random.default_rng(0).integers(0, 2, (64, 64, 64), np.uint8)
    >>> counts = CellCounts(Film.of(labels, (5.0, 5.0, 5.0)))
    >>> counts.add(0, labels)
    >>> round(integral_range(counts.cells).volume / 5.0**3, 1)
    1.0
    """
    covariance, pairs = _covariance(cells)
    distance = _distances(covariance.shape, cells)
    voxels = cells.known_voxels.astype(np.float64)
    of_one_cell = float((voxels**2).sum() / voxels.sum() ** 2)  # one over the number of cells
    reach = cutoff or _reach(covariance, pairs, distance, MOST_VOLUME / of_one_cell)
    inside = distance <= reach
    weights = pairs[inside] / pairs.flat[0]
    lost = of_one_cell * float(weights.sum())
    phi = cells.porosity
    if not 0 < phi < 1 or lost >= MOST_LOST:
        return IntegralRange(float("nan"), reach, float("nan"), 0.0)
    summed = float((covariance[inside] * weights).sum())
    if summed <= 0:  # the error of the sum exceeds the sum: a variance of zero would be wrong
        return IntegralRange(float("nan"), reach, float("nan"), 0.0)
    variance = of_one_cell * summed / (1 - lost)
    volume = float(np.prod(cells.size) * voxels.sum() / voxels.max())
    return IntegralRange(
        variance * volume / (phi * (1 - phi)), reach, float(np.sqrt(variance)), 1 / lost
    )


def _covariance(cells: Cells) -> tuple[Array, Array]:
    """Return the covariance of porosity by lag in cells, and the weight of the pairs of each lag.

    Cells are weighted by their known voxels. Lags are ordered as by a Fourier transform; opposite
    lags have equal values.
    """
    weight = cells.known_voxels / cells.known_voxels.max()
    away = cells.pores / cells.known_voxels.max() - weight * cells.porosity
    shape = [next_fast_len(2 * n - 1, real=True) for n in weight.shape]
    pairs = irfftn(np.abs(rfftn(weight, shape)) ** 2, shape)
    products = irfftn(np.abs(rfftn(away, shape)) ** 2, shape)
    pairs[pairs < 0.5 * weight.max() ** 2] = 0
    return np.divide(products, pairs, out=np.zeros(shape), where=pairs > 0), pairs


def _distances(shape: tuple[int, ...], cells: Cells) -> Array:
    """Return the length of every lag, ordered as by a Fourier transform."""
    lags = [np.fft.fftfreq(n, 1 / n) * step for n, step in zip(shape, cells.size, strict=True)]
    z, y, x = np.ix_(*lags)
    length: Array = np.sqrt(z**2 + y**2 + x**2)
    return length


def _reach(covariance: Array, pairs: Array, distance: Array, most: float) -> float:
    """Return the length to sum to, within a ball (a disc in thin films) of ``most`` lags."""
    width = float(np.min(distance[distance > 0]))
    shell = np.rint(distance / width).astype(np.intp).ravel()
    zero = width * _first_shell(np.bincount(shell, (covariance * pairs).ravel()))
    return min(ZEROS * zero, _farthest(distance, shell, pairs / pairs.flat[0], most))


def _first_shell(summed: npt.NDArray[np.number[Any]]) -> int:
    """Return the first shell in which the direction-averaged covariance is not positive."""
    fallen = np.flatnonzero(summed[1:] <= 0)
    return int(fallen[0]) + 1 if fallen.size else len(summed)


def _farthest(distance: Array, shell: npt.NDArray[np.intp], weights: Array, most: float) -> float:
    """Return the radius of the largest ball with at most ``most`` lags.

    Only lags up to the first shell that does not fit whole are sorted.
    """
    weight_within = np.cumsum(np.bincount(shell, weights.ravel()))
    near = np.flatnonzero(shell <= np.searchsorted(weight_within, most, "right"))
    order = near[np.argsort(distance.flat[near])]
    within = int(np.count_nonzero(np.cumsum(weights.flat[order]) <= most))
    return float(distance.flat[order[max(0, within - 1)]])
