r"""Integral range: the volume that counts as one independent sample of the material.

.. math:: A = \frac{1}{\phi (1 - \phi)} \int C(h) \, dh, \qquad
          \mathrm{Var}(\phi_V) = \phi (1 - \phi) \, A / V

for volumes V much larger than A. Lantuejoul, J. Microsc. 161 (1991) 387; Kanit et al., Int. J.
Solids Struct. 40 (2003) 3647. The covariance of cells has the same integral as that of voxels, so
it is taken from the porosity of cells, which is small even where the film is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfftn, next_fast_len, rfftn

from fibsem.analysis.structure.cells import Cells

Array = npt.NDArray[np.float64]

#: The covariance is summed as far as this many times its first zero, which takes in where it is
#: negative after that and above zero again, but over no more than a part of the film's volume: the
#: sum's own error grows with it, to about a third at one in twenty. Pores at a usual distance, as
#: those of the phantom, take back nine tenths of the sum between one and three times the zero.
ZEROS, MOST_VOLUME = 4.0, 0.05
#: Part of the sum that the film's own mean may take; where it takes more, the film is too small.
MOST_LOST = 0.5


@dataclass(frozen=True)
class IntegralRange:
    """What the variation of porosity within a film says of the material.

    Attributes
    ----------
    volume
        The integral range, in the cube of the unit; nan where the film is too small to tell.
    cutoff
        Length up to which the covariance was summed.
    sd
        Standard deviation of the porosity of volumes like this film, from place to place.
    degrees
        Degrees of freedom of the latter: balls of the radius ``cutoff`` in the film; discs where
        it is thinner.
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
        Length up to which the covariance is summed; None: four times its first zero.

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
    known = cells.known.astype(np.float64)
    of_one_cell = float((known**2).sum() / known.sum() ** 2)  # one over the number of cells
    farthest = _farthest(distance, pairs / pairs.flat[0], MOST_VOLUME / of_one_cell)
    reach = cutoff or min(ZEROS * _first_zero(covariance, pairs, distance), farthest)
    inside = distance <= reach
    weights = pairs[inside] / pairs.flat[0]
    lost = of_one_cell * float(weights.sum())
    phi = cells.porosity
    if not 0 < phi < 1 or lost >= MOST_LOST:
        return IntegralRange(float("nan"), reach, float("nan"), 0.0)
    summed = float((covariance[inside] * weights).sum())
    if summed <= 0:  # its own error is larger than what is looked for: no film is that sure
        return IntegralRange(float("nan"), reach, float("nan"), 0.0)
    variance = of_one_cell * summed / (1 - lost)
    volume = float(np.prod(cells.size) * known.sum() / known.max())
    return IntegralRange(
        variance * volume / (phi * (1 - phi)), reach, float(np.sqrt(variance)), 1 / lost
    )


def _covariance(cells: Cells) -> tuple[Array, Array]:
    """Covariance of porosity by lag in cells, and the weight of its pairs; opposite lags are equal.

    Cells count by their known voxels. Lags are laid out as by a Fourier transform.
    """
    weight = cells.known / cells.known.max()
    away = cells.pores / cells.known.max() - weight * cells.porosity
    shape = [next_fast_len(2 * n - 1, real=True) for n in weight.shape]
    pairs = irfftn(np.abs(rfftn(weight, shape)) ** 2, shape)
    products = irfftn(np.abs(rfftn(away, shape)) ** 2, shape)
    pairs[pairs < 0.5 * weight.max() ** 2] = 0
    return np.divide(products, pairs, out=np.zeros(shape), where=pairs > 0), pairs


def _distances(shape: tuple[int, ...], cells: Cells) -> Array:
    """Length of every lag, laid out as by a Fourier transform."""
    lags = [np.fft.fftfreq(n, 1 / n) * step for n, step in zip(shape, cells.size, strict=True)]
    z, y, x = np.ix_(*lags)
    length: Array = np.sqrt(z**2 + y**2 + x**2)
    return length


def _first_zero(covariance: Array, pairs: Array, distance: Array) -> float:
    """Length at which the covariance, averaged over all directions, is first not positive."""
    width = float(np.min(distance[distance > 0]))
    shell = np.rint(distance / width).astype(np.intp).ravel()
    summed = np.bincount(shell, (covariance * pairs).ravel())
    fallen = np.flatnonzero(summed[1:] <= 0)
    return width * float(fallen[0] + 1 if fallen.size else len(summed))


def _farthest(distance: Array, weights: Array, most: float) -> float:
    """Radius of the largest ball with no more than so many lags: of a thin film, of a disc."""
    order = np.argsort(distance, axis=None)
    within = int(np.count_nonzero(np.cumsum(weights.flat[order]) <= most))
    return float(distance.flat[order[max(0, within - 1)]])
