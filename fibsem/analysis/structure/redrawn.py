r"""Labels drawn at random from probabilities, to carry their errors over to structure.

.. math:: [\, \Phi(g) < p \,]

with the probability p of pore and a Gaussian field g of unit variance: each voxel is pore with
probability p, and errors of neighbours are correlated over the length of g. Independent voxels
would be salt-and-pepper noise, which ruins surface and components and hardly varies the porosity.
The correlation length within a slice is fitted to labelled squares, such that the porosity of small
parts varies around the expected one as it does in the labels. The parts are about as small as
errors of outlines, and many: the spread of a few whole squares is hardly known. Squares of single
slices do not determine the length across slices.

The probabilities are calibrated on all films. The squares of one film give its porosity, so the
log-odds are shifted until the probabilities have the same mean. Probabilities of 0 and 1 stay.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr

from fibsem.analysis.structure.parts import parts_of

Probabilities = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

#: Shortest correlation length in pixels, and number of bisection steps.
SHORTEST, STEPS = 0.3, 12
#: Largest shift of the logits.
MOST = 12.0


def redrawn(pore: Probabilities, lengths: tuple[float, ...], rng: np.random.Generator) -> Mask:
    """Draw a mask of pores from their probabilities.

    Parameters
    ----------
    pore : (..., y, x) float32
        Probability of pore.
    lengths
        Standard deviation in voxels, by axis, of the Gaussian that smooths white noise; 0: voxels
        are independent.
    """
    return ndtr(_field(pore.shape, lengths, rng)) < pore


def _field(
    shape: tuple[int, ...], lengths: tuple[float, ...], rng: np.random.Generator
) -> Probabilities:
    """Return a correlated Gaussian field of unit variance."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    field: Probabilities = gaussian_filter(noise, lengths, mode="wrap")
    variance = 1.0
    for n, length in zip(shape, lengths, strict=True):
        impulse = np.zeros(n, np.float32)
        impulse[0] = 1
        variance *= float((gaussian_filter(impulse, length, mode="wrap") ** 2).sum())
    field /= np.float32(np.sqrt(variance))
    return field


def spread_of(
    windows: Probabilities,
    length: float,
    rng: np.random.Generator,
    draws: int = 8,
    side: int | None = None,
    known: Mask | None = None,
) -> float:
    """Return the standard deviation of the drawn porosity around the expected one.

    It is taken over whole windows (k, y, x), or over their parts of ``side`` pixels. If ``known``
    is given, only parts in which every pixel is known count.
    """
    lengths, side = (0.0, length, length), side or min(windows.shape[1:])
    is_known = parts_of(np.ones_like(windows, bool) if known is None else known, side) == 1
    away = [
        parts_of(redrawn(windows, lengths, rng) - windows, side)[is_known] for _ in range(draws)
    ]
    return float(np.sqrt(np.mean(np.square(away))))


def fitted_length(
    windows: Probabilities,
    sd: float,
    seed: int = 0,
    side: int | None = None,
    known: Mask | None = None,
) -> float | None:
    """Return the correlation length in pixels at which drawn windows vary as labelled squares do.

    Parameters
    ----------
    windows : (k, y, x) float32
        Probability of pore.
    sd
        Standard deviation of the labelled porosity around the expected one.
    side
        Side of the parts that ``sd`` refers to; None: whole windows.
    known : (k, y, x) bool
        Where there is material: other parts do not count. None: everywhere.

    Returns
    -------
    float or None
        None if not even half of the window's shorter side makes them vary as much, because the
        probabilities are overconfident.
    """
    short, long = SHORTEST, float(min(windows.shape[1:])) / 2

    def spread(length: float) -> float:
        rng = np.random.default_rng(seed)  # the same noise each time
        return spread_of(windows, length, rng, side=side, known=known)

    if spread(long) < sd:
        return None
    for _ in range(STEPS):  # bisection of the logarithm
        middle = float(np.sqrt(short * long))
        short, long = (middle, long) if spread(middle) < sd else (short, middle)
    return float(np.sqrt(short * long))


def shifted(pore: Probabilities, by: float) -> Probabilities:
    """Add a number to the logits of probabilities; 0 and 1 stay.

    >>> shifted(np.float32([0, 0.5, 1]), np.log(3)).round(3).tolist()
    [0.0, 0.75, 1.0]
    """
    moved: Probabilities = expit(logit(pore) + np.float32(by))
    return moved


def shift_to(windows: Probabilities, porosity: float) -> float | None:
    """Return the shift of the logits that gives a mean of ``porosity``, or None if there is none.

    Shifts are limited to ``MOST`` in either direction.
    """

    def more(by: float) -> float:
        return float(shifted(windows, by).mean(dtype=np.float64)) - porosity

    if more(-MOST) > 0 or more(MOST) < 0:
        return None
    return float(brentq(more, -MOST, MOST, xtol=1e-4))
