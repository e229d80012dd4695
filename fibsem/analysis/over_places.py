"""Intervals of shares over places, valid for few places and for one with a dominant weight."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit, stdtrit

from fibsem.analysis.intervals import that_count
from fibsem.analysis.labelled_squares import EQUAL, ErrorOfMean
from fibsem.analysis.metrics import Confusion


def share_interval(shares: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    r"""Return the 95 % interval of a mean share over places, by Student's t of its logit.

    .. math:: \ln \frac{\bar x}{1 - \bar x} \pm \frac{t \, s}{\bar x (1 - \bar x)}

    with the standard error s. The interval lies within [0, 1] and is wider towards 0.5: in films
    with few pores most places have fewer pores than the mean, so that a symmetric interval misses
    too often. Korn, Graubard, Survey Methodology 24 (1998) 193. With 1.96 instead of t, an interval
    over two places contains the truth in 70 % of all cases.

    Parameters
    ----------
    shares
        Values that are not finite are ignored.
    weights
        Weights as in :func:`normal_interval`. One place may weigh as much as many others together
        (:class:`~fibsem.analysis.labelled_squares.ErrorOfMean`).

    Returns
    -------
    low, high
        Both nan for fewer than two shares, and if all are equal, because there is no spread.

    Examples
    --------
    >>> low, high = share_interval([0.30, 0.34, 0.29, 0.35], [1, 1, 1, 1])
    >>> round(low, 3), round(high, 3)
    (0.275, 0.369)
    """
    x, w = that_count(shares, weights)
    if x.size < 2 or np.ptp(x) < EQUAL:
        return math.nan, math.nan
    mean = float(np.average(x, weights=w))
    of_mean = ErrorOfMean.of(x, w)
    half = float(stdtrit(of_mean.degrees, 0.975)) * of_mean.error
    low, high = expit(logit(mean) + half / (mean * (1 - mean)) * np.array([-1, 1])).tolist()
    return low, high


def interval_by_pixels(squares: Sequence[Confusion]) -> tuple[float, float]:
    """Return the 95 % interval of predicted porosity over squares, weighted by their pixels.

    >>> full, corner = Confusion(((30, 0), (0, 70))), Confusion(((1, 0), (0, 0)))
    >>> low, high = interval_by_pixels([full, full, corner])
    >>> low < 61 / 201 < high
    True
    """
    return share_interval(
        [square.porosity for square in squares], [square.pixels for square in squares]
    )
