"""What labelled squares say of a map: how far its porosity is off, if they stand for the film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from fibsem.analysis.metrics import Confusion

#: Quantile of the t distribution beyond which squares do not lie in their film by chance.
CLEARLY = 0.9995


@dataclass(frozen=True)
class MapError:
    """What labels of squares say that the porosity of a map is too small by.

    Attributes
    ----------
    bias, error
        Labelled less mapped porosity of all their pixels, and its standard error.
    degrees
        Degrees of freedom of the error.
    """

    bias: float
    error: float
    degrees: float


def map_error(squares: Sequence[Confusion]) -> MapError:
    """Labelled less mapped porosity, a ratio over squares: pixels of one square err together.

    Parameters
    ----------
    squares
        Labels against map; at least two.

    Examples
    --------
    The map misses one pore in ten, and takes no solid for pore:

    >>> squares = [Confusion(((27, 3), (0, 70))), Confusion(((36, 4), (0, 60)))]
    >>> round(map_error(squares).bias, 3)
    0.035
    """
    counts = np.array([square.counts for square in squares], np.float64)
    pixels = counts.sum((1, 2))
    wrong = counts[:, 0, :].sum(1) - counts[:, :, 0].sum(1)
    bias = float(wrong.sum() / pixels.sum())
    return MapError(bias, clustered((wrong - bias * pixels) / pixels.sum()), len(squares) - 1)


def lie_apart(mapped: float, squares: Sequence[Confusion]) -> bool:
    """Whether a map is clearly of another porosity on squares than in their whole film.

    Then they do not lie in it by chance, and what the map errs by there says nothing of the rest.
    Of squares that do, one film in a thousand is taken for such. Squares that are all mapped alike
    show no spread to judge by.

    >>> porous = [Confusion(((a, 0), (0, 100 - a))) for a in (40, 44, 46, 40, 43, 45)]
    >>> lie_apart(0.41, porous), lie_apart(0.05, porous)
    (False, True)
    """
    pixels = np.array([square.pixels for square in squares], np.float64)
    shares = np.array([square.porosity for square in squares])
    mean = float(np.average(shares, weights=pixels))
    error = clustered(pixels / pixels.sum() * (shares - mean))
    if error * float(pixels.sum()) < 1:  # no pixel: what is left is rounding
        return False
    return abs(mean - mapped) > float(stdtrit(len(squares) - 1, CLEARLY)) * error


def clustered(parts: npt.NDArray[np.float64]) -> float:
    """Standard error of a sum of independent parts whose mean is zero."""
    n = len(parts)
    return float(np.sqrt(n / (n - 1) * (parts**2).sum()))
