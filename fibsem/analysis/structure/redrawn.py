r"""Labels redrawn from probabilities, as uncertain as the classifier: what structure makes of it.

.. math:: [\, \Phi(g) < p \,]

with the probability p of pore and a Gaussian field g of unit variance: each voxel is pore as often
as p says, and neighbours err together as far as g reaches. Independent voxels would be salt and
pepper: surface and components ruined, the porosity's spread next to nothing. How far g reaches in
the slice is fitted to the porosity of labelled squares: theirs varies around the map's by as much.
Across slices, squares of one slice say nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.special import ndtr

Probabilities = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

#: Shortest length of a field in pixels, and steps of the search for the one that fits.
SHORTEST, STEPS = 0.3, 12


def redrawn(pore: Probabilities, lengths: tuple[float, ...], rng: np.random.Generator) -> Mask:
    """Draw the pores once.

    Parameters
    ----------
    pore : (..., y, x) float32
        Probability of pore.
    lengths
        S.d. of the Gaussian by which white noise is smoothed, voxels by axis; 0: independent.
    """
    return ndtr(_field(pore.shape, lengths, rng)) < pore


def _field(
    shape: tuple[int, ...], lengths: tuple[float, ...], rng: np.random.Generator
) -> Probabilities:
    """A Gaussian field of unit variance."""
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
    windows: Probabilities, length: float, rng: np.random.Generator, draws: int = 8
) -> float:
    """S.d. of the drawn porosity of windows (k, y, x) around that of their probabilities."""
    lengths = (0.0, length, length)
    away = [
        (redrawn(windows, lengths, rng) - windows).mean((1, 2)) for _ in range(draws)
    ]  # fmt: skip
    return float(np.sqrt(np.mean(np.square(away))))


def fitted_length(windows: Probabilities, sd: float, seed: int = 0) -> float | None:
    """Length in pixels at which drawn windows vary as labelled squares of their size do.

    Parameters
    ----------
    windows : (k, y, x) float32
        Probability of pore in windows of the squares' size.
    sd
        S.d. of labelled less mapped porosity over the squares.

    Returns
    -------
    float or None
        None where not even a length as long as the window makes them vary as much: the
        probabilities are too sure.
    """
    short, long = SHORTEST, float(min(windows.shape[1:])) / 2

    def spread(length: float) -> float:
        return spread_of(windows, length, np.random.default_rng(seed))  # the same noise each time

    if spread(long) < sd:
        return None
    for _ in range(STEPS):  # by halves of the logarithm
        middle = float(np.sqrt(short * long))
        short, long = (middle, long) if spread(middle) < sd else (short, middle)
    return float(np.sqrt(short * long))
