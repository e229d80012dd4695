"""Error of the porosity of a map, the predicted labels of a film, estimated from squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logit, stdtrit

from fibsem.analysis.metrics import Confusion

Array = npt.NDArray[np.float64]

#: Shares that differ by less count as equal, up to rounding.
EQUAL = 1e-9
#: Quantile of the t distribution beyond which squares do not represent their film.
CLEARLY = 0.9995


@dataclass(frozen=True)
class MapError:
    """Bias of the porosity of a map, estimated from labelled squares.

    Attributes
    ----------
    bias, error
        Labelled minus mapped porosity over all labelled pixels, and its standard error.
    degrees
        Degrees of freedom of the error.
    """

    bias: float
    error: float
    degrees: float


def map_error(squares: Sequence[Confusion]) -> MapError:
    """Estimate labelled minus predicted porosity as a ratio over squares.

    The units of the standard error are squares, as errors of pixels in one square are correlated.

    Parameters
    ----------
    squares
        Labels and predictions; at least two squares with a labelled pixel.

    Examples
    --------
    The map misses one pore in ten, and takes no solid for pore:

    >>> squares = [Confusion(((27, 3), (0, 70))), Confusion(((36, 4), (0, 60)))]
    >>> round(map_error(squares).bias, 3)
    0.035
    """
    counts = np.array([square.counts for square in squares if square.pixels], np.float64)
    pixels = counts.sum((1, 2))
    wrong = counts[:, 0, :].sum(1) - counts[:, :, 0].sum(1)
    bias = float(wrong.sum() / pixels.sum())
    of_mean = ErrorOfMean.of(wrong / pixels, pixels)
    return MapError(bias, of_mean.error, of_mean.degrees)


def err_alike(squares: Sequence[Confusion]) -> bool:
    """Return whether labelled minus mapped porosity is equal on all squares, as for a single class.

    In this case there is no spread to estimate its error from, although the error need not be zero.

    >>> solid = [Confusion(((0, 0), (0, 100)))] * 6
    >>> err_alike(solid), err_alike([*solid, Confusion(((3, 1), (0, 96)))])
    (True, False)
    """
    wrong = [square.label_porosity - square.porosity for square in squares if square.pixels]
    return bool(np.ptp(wrong) < EQUAL)


def lie_apart(mapped: float, squares: Sequence[Confusion]) -> bool:
    """Return whether the mapped porosity of squares clearly differs from that of the whole film.

    In this case the squares are no random sample of the film, and the map's error on them does not
    hold for the rest. Random squares are rejected in one film of a thousand, in fewer than one of
    fifty if half of the squares have hardly a pore, and in up to half of the films if nine of ten
    squares have none, because the spread does not include what so few squares missed. Shares are
    compared by logits: such squares often have too few pores and too little spread at once, which
    would look certain on the linear scale. Squares that are all mapped alike have no spread to
    judge by, and are not rejected.

    >>> porous = [Confusion(((a, 0), (0, 100 - a))) for a in (40, 44, 46, 40, 43, 45)]
    >>> lie_apart(0.41, porous), lie_apart(0.05, porous)
    (False, True)
    """
    pixels = np.array([square.pixels for square in squares], np.float64)
    shares = np.array([square.porosity for square in squares])
    mean = float(np.average(shares, weights=pixels))
    of_mean = ErrorOfMean.of(shares, pixels)
    if of_mean.error * float(pixels.sum()) < 1:  # less than a pixel: rounding
        return False
    apart = abs(logit(mean) - logit(mapped))
    most = stdtrit(of_mean.degrees, CLEARLY) * of_mean.error / (mean * (1 - mean))
    return bool(apart > most)


@dataclass(frozen=True)
class ErrorOfMean:
    """Standard error of a mean over places, and its degrees of freedom."""

    error: float
    degrees: int

    @classmethod
    def of(cls, values: Array, weights: Array) -> ErrorOfMean:
        r"""Return the error of a weighted mean of two or more places, of which one may dominate.

        A place with a large weight pulls the mean to itself, so that deviations from the mean
        underestimate the error. It is therefore at least that of places with equal variance,

        .. math:: s \, \sqrt{\sum_i w_i^2} \; / \; \sum_i w_i

        with the standard deviation s of the places that weigh at least half of the median. Lighter
        ones, such as squares labelled only in a corner, vary more and add no degree of freedom.

        >>> values = np.array([0.2, 0.3, 0.4])
        >>> round(ErrorOfMean.of(values, np.ones(3)).error, 4)  # 0.1 / sqrt(3)
        0.0577
        >>> round(ErrorOfMean.of(values, np.array([1, 1000, 1])).error, 3)  # as one place varies
        0.1
        """
        shares = weights / weights.sum()
        heavy = weights >= np.sort(weights)[(len(weights) - 1) // 2] / 2
        alike = float(np.std(values[heavy], ddof=1) * np.sqrt((shares**2).sum()))
        clustered_error = clustered(shares * (values - shares @ values))
        return cls(max(clustered_error, alike), int(heavy.sum()) - 1)


def clustered(parts: Array) -> float:
    """Return the standard error of a sum of independent parts with mean zero."""
    n = len(parts)
    return float(np.sqrt(n / (n - 1) * (parts**2).sum()))
