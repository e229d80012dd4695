r"""Labels redrawn from probabilities, as uncertain as the classifier: what structure makes of it.

.. math:: [\, \Phi(g) < p \,]

with the probability p of pore and a Gaussian field g of unit variance: each voxel is pore as often
as p says, and neighbours err together as far as g reaches. Independent voxels would be salt and
pepper: surface and components ruined, the porosity's spread next to nothing. How far g reaches in
the slice is fitted to labelled squares: the porosity of small parts of them varies around the
probabilities' by as much. The parts are as small as outlines go astray, and many: a few whole
squares hardly tell how much they vary. Across slices, squares of one slice say nothing.

The probabilities are those of all films; the squares of this one say how porous it is, so their
odds are shifted until they say so, too. What is certain stays.
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

#: Shortest length of a field in pixels, and steps of the search for the one that fits.
SHORTEST, STEPS = 0.3, 12
#: Largest shift of the logits.
MOST = 12.0


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
    windows: Probabilities,
    length: float,
    rng: np.random.Generator,
    draws: int = 8,
    side: int | None = None,
    known: Mask | None = None,
) -> float:
    """S.d. of the drawn porosity around that of the probabilities.

    Of whole windows (k, y, x), or of their parts of ``side`` pixels; only of those that are
    ``known`` in every pixel, where it is given.
    """
    lengths, side = (0.0, length, length), side or min(windows.shape[1:])
    whole = parts_of(np.ones_like(windows, bool) if known is None else known, side) == 1
    away = [parts_of(redrawn(windows, lengths, rng) - windows, side)[whole] for _ in range(draws)]
    return float(np.sqrt(np.mean(np.square(away))))


def fitted_length(
    windows: Probabilities,
    sd: float,
    seed: int = 0,
    side: int | None = None,
    known: Mask | None = None,
) -> float | None:
    """Length in pixels at which drawn windows vary as labelled squares do.

    Parameters
    ----------
    windows : (k, y, x) float32
        Probability of pore.
    sd
        S.d. of labelled porosity around that of the probabilities.
    side
        Of the parts whose porosity it is; None: windows are as large as what was labelled.
    known : (k, y, x) bool
        Where there is material: parts that are not wholly on it do not count. None: everywhere.

    Returns
    -------
    float or None
        None where not even a length as long as the window makes them vary as much: the
        probabilities are too sure.
    """
    short, long = SHORTEST, float(min(windows.shape[1:])) / 2

    def spread(length: float) -> float:
        rng = np.random.default_rng(seed)  # the same noise each time
        return spread_of(windows, length, rng, side=side, known=known)

    if spread(long) < sd:
        return None
    for _ in range(STEPS):  # by halves of the logarithm
        middle = float(np.sqrt(short * long))
        short, long = (middle, long) if spread(middle) < sd else (short, middle)
    return float(np.sqrt(short * long))


def shifted(pore: Probabilities, by: float) -> Probabilities:
    """Probabilities whose logits are larger by a number; 0 and 1 stay.

    >>> shifted(np.float32([0, 0.5, 1]), np.log(3)).round(3).tolist()
    [0.0, 0.75, 1.0]
    """
    moved: Probabilities = expit(logit(pore) + np.float32(by))
    return moved


def shift_to(windows: Probabilities, porosity: float) -> float | None:
    """Shift of the logits at which probabilities say a porosity; None where none does."""

    def more(by: float) -> float:
        return float(shifted(windows, by).mean(dtype=np.float64)) - porosity

    if more(-MOST) > 0 or more(MOST) < 0:
        return None
    return float(brentq(more, -MOST, MOST, xtol=1e-4))
