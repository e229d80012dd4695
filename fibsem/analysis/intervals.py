"""Intervals of porosity: that of the thesis over slices, and one with correct coverage.

The interval over slices assumes that slices are independent and many, and that the classifier is
perfect. Intervals over few places use Student's t instead of 1.96. The error of a map is estimated
from labelled squares that were not used for any choice, by comparing their labels with the map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from fibsem.analysis.labelled_squares import ErrorOfMean, clustered, map_error
from fibsem.analysis.metrics import Confusion

Array = npt.NDArray[np.float64]

#: Smallest number of squares with an interval: the spread of fewer is hardly known.
FEWEST_SQUARES = 6


def normal_interval(
    values: Sequence[float], weights: Sequence[float] | None = None
) -> tuple[float, float]:
    r"""Return the 95 % interval of a mean, mean +- 1.96 s.d. / sqrt(n) (thesis 3.9).

    Values (of squares, or slices) are taken as independent, as in the thesis; neighbouring slices
    are not, so that an interval over slices is too narrow. With weights the mean is a ratio
    estimate, with the standard error

    .. math:: \bar x = \frac{\sum_i w_i x_i}{\sum_i w_i}, \quad
        s^2 = \frac{n}{n - 1} \frac{\sum_i w_i^2 (x_i - \bar x)^2}{(\sum_i w_i)^2}

    (Cochran, Sampling Techniques, Wiley 1977, section 6.3); s.d. / sqrt(n) with equal weights.

    Parameters
    ----------
    values
        Values; those that are not finite are left out.
    weights
        Weights of the values, such as numbers of pixels; None: all equal.

    Returns
    -------
    low, high
        Both are nan for fewer than two values.

    Examples
    --------
    >>> low, high = normal_interval([0.30, 0.34, 0.29, 0.35])  # porosities of four squares
    >>> round(low, 3), round(high, 3)
    (0.291, 0.349)
    """
    x, w = that_count(values, weights)
    if x.size < 2:
        return math.nan, math.nan
    mean = float(np.average(x, weights=w))
    half = 1.96 * clustered(w / w.sum() * (x - mean))
    return mean - half, mean + half


def with_interval(
    value: float, ends: Sequence[float | None] | None, digits: int, scale: float = 1, unit: str = ""
) -> str:
    """Format a value with its interval, or alone if an end is missing or not finite.

    >>> with_interval(0.2213, (0.2189, 0.2237), 2, 100, " %"), with_interval(0.2213, None, 3)
    ('22.13 % [21.89, 22.37]', '0.221')
    """
    text = f"{scale * value:.{digits}f}{unit}"
    finite = [end for end in ends or () if end is not None and math.isfinite(end)]
    if len(finite) < 2:
        return text
    return f"{text} [{', '.join(f'{scale * end:.{digits}f}' for end in finite)}]"


@dataclass(frozen=True)
class PorosityEstimate:
    """An estimate of porosity in [0, 1] with its standard error.

    Attributes
    ----------
    porosity, error
        Estimate and standard error.
    degrees
        Degrees of freedom of the error.

    Examples
    --------
    >>> low, high = PorosityEstimate(0.34, 0.01, 11).interval
    >>> round(low, 3), round(high, 3)
    (0.318, 0.362)
    """

    porosity: float
    error: float
    degrees: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval by the t distribution, clipped to [0, 1]."""
        half = float(stdtrit(self.degrees, 0.975)) * self.error
        return as_share(self.porosity - half), as_share(self.porosity + half)


def difference_estimate(mapped: float, squares: Sequence[Confusion]) -> PorosityEstimate:
    r"""Correct the porosity of a film by the error of its predicted labels on labelled squares.

    .. math:: \hat\phi = \phi_\mathrm{map} + \frac{\sum_i a_i - m_i}{\sum_i n_i}

    with :math:`a_i` labelled and :math:`m_i` predicted pore pixels of the :math:`n_i` of square i.
    This is the difference estimator of survey sampling (Sarndal, Swensson, Wretman, Model Assisted
    Survey Sampling, Springer 1992, section 6.3), clipped to [0, 1], with the standard error of
    :func:`map_error`.

    Parameters
    ----------
    mapped
        Porosity of the whole film by its predicted labels.
    squares
        Labels and predictions of squares that lie anywhere in the film and on which no choice was
        made; at least two.

    Examples
    --------
    The map misses one pore in ten, and takes no solid for pore:

    >>> squares = [Confusion(((27, 3), (0, 70))), Confusion(((36, 4), (0, 60)))]
    >>> round(difference_estimate(0.30, squares).porosity, 3)
    0.335
    """
    off = map_error(squares)
    return PorosityEstimate(as_share(mapped + off.bias), off.error, off.degrees)


def post_stratified_estimate(
    mapped: float, squares: Sequence[Confusion]
) -> PorosityEstimate | None:
    r"""Correct a film's porosity by shares of pores in predicted classes (Olofsson et al. 2014).

    .. math:: \hat\phi = \sum_h W_h \frac{\sum_i a_{hi}}{\sum_i m_{hi}}

    with :math:`W_h` the predicted share of class h in the film, and :math:`a_{hi}` labelled pores
    among its :math:`m_{hi}` pixels in square i. Remote Sensing of Environment 148, 42.

    Parameters
    ----------
    mapped
        Porosity of the whole film by its predicted labels.
    squares
        Labels and predictions of squares that lie anywhere in the film and on which no choice was
        made.

    Returns
    -------
    PorosityEstimate or None
        None if the squares do not have both predicted classes, or only one square counts.

    Examples
    --------
    >>> squares = [Confusion(((27, 3), (0, 70))), Confusion(((36, 4), (0, 60)))]
    >>> round(post_stratified_estimate(0.30, squares).porosity, 3)  # 0.30 + 0.70 * 7 / 137
    0.336
    """
    matrices = np.array([square.counts for square in squares], np.float64)
    labelled, pixels = matrices[:, 0, :], matrices.sum(1)  # by class of the map
    weights, totals = np.array([mapped, 1 - mapped]), pixels.sum(0)
    if not (totals > 0).all():
        return None
    shares = labelled.sum(0) / totals
    leverage = (pixels * weights / totals).sum(1)  # of each square in the estimate
    parts = ((labelled - shares * pixels) * weights / totals).sum(1)
    counts = leverage > 0
    if counts.sum() < 2:
        return None
    of_mean = ErrorOfMean.of(parts[counts] / leverage[counts], leverage[counts])
    return PorosityEstimate(float(weights @ shares), of_mean.error, of_mean.degrees)


def labelled_over_mapped(squares: Sequence[Confusion]) -> float | None:
    """Return the s.d. of labelled porosity over squares, divided by that of predicted porosity.

    Squares are weighted by their pixels. Predictions that smooth vary less from place to place than
    pores do; predictions with errors in patches vary more. None if all predicted porosities are
    equal.

    Examples
    --------
    >>> squares = [Confusion(((a, 0), (a, 100 - 2 * a))) for a in (10, 20, 30)]
    >>> labelled_over_mapped(squares)  # the map finds twice the pores
    0.5
    """
    pixels = [square.pixels for square in squares]
    labelled = _deviation([square.label_porosity for square in squares], pixels)
    mapped = _deviation([square.porosity for square in squares], pixels)
    return labelled / mapped if mapped > 0 else None


def sampling_of(
    map_sd: float, degrees: float, ratio: float, squares_degrees: float
) -> tuple[float, float]:
    """Return the s.d. of true porosity between films of a material, and its degrees of freedom.

    Parameters
    ----------
    map_sd, degrees
        S.d. of the predicted porosities of such films, and its degrees of freedom.
    ratio, squares_degrees
        Result of :func:`labelled_over_mapped`, and the degrees of freedom of its squares.

    Examples
    --------
    >>> sampling_of(0.02, 12, 0.5, 6)
    (0.01, 4.0)
    """
    return map_sd * ratio, 1 / (1 / degrees + 1 / squares_degrees)


def with_sampling(estimate: PorosityEstimate, sd: float, degrees: float) -> PorosityEstimate:
    """Add the variation between volumes of a material to the error of one volume's porosity.

    The degrees of freedom are Satterthwaite's.

    Parameters
    ----------
    estimate
        Porosity of the volume.
    sd, degrees
        Result of :func:`sampling_of`.

    Examples
    --------
    >>> with_sampling(PorosityEstimate(0.3, 0.03, 10), 0.04, 10).error
    0.05
    """
    parts = np.array([estimate.error**2, sd**2])
    total = float(parts.sum())
    terms = parts**2 / (estimate.degrees, degrees)
    together = total**2 / float(terms.sum()) if total > 0 else degrees
    return PorosityEstimate(estimate.porosity, math.sqrt(total), together)


def one_pixel_off(interval: tuple[float, float], per_px: float) -> tuple[float, float]:
    """Widen an interval of porosity by outlines drawn one pixel off, to either side.

    Intervals from squares do not include errors of an annotator that are equal in all of them. The
    result is no 95 % interval; it shows the size of such an error.

    Parameters
    ----------
    interval
        Interval from squares.
    per_px
        Change of porosity if outlines are drawn one pixel farther out.

    Examples
    --------
    >>> one_pixel_off((0.25, 0.5), 0.125), one_pixel_off((0.0625, 0.9375), 0.125)
    ((0.125, 0.625), (0.0, 1.0))
    """
    return widened(interval, per_px)


def widened(interval: tuple[float, float], by: float) -> tuple[float, float]:
    """Widen an interval of a share at both ends, clipped to [0, 1].

    >>> widened((0.25, 0.5), 0.125)
    (0.125, 0.625)
    """
    low, high = interval
    return as_share(low - by), as_share(high + by)


def as_share(value: float) -> float:
    """Clip a value to [0, 1].

    >>> as_share(-0.0068), as_share(0.25), as_share(1.5)
    (0.0, 0.25, 1.0)
    """
    return min(1.0, max(0.0, value))


def that_count(values: Sequence[float], weights: Sequence[float] | None) -> tuple[Array, Array]:
    """Return the finite values with positive weight, and their weights."""
    x = np.asarray(values, np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, np.float64)
    counts = np.isfinite(x) & (w > 0)
    return x[counts], w[counts]


def _deviation(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the weighted standard deviation."""
    x = np.asarray(values, np.float64)
    mean = np.average(x, weights=weights)
    return float(np.sqrt(np.average((x - mean) ** 2, weights=weights)))
