r"""Class frequency of a film without labels, under label shift.

The probabilities of a classifier hold for the class frequencies that they were calibrated on. If
pores look the same in another film and are only rarer or more frequent (*label shift*), the maximum
likelihood frequency is found by expectation maximisation: Saerens, Latinne, Decaestecker, Neural
Computation 14 (2002) 21. The assumption does not hold for another detector or another material.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Largest number of steps, and change of the frequency at which the iteration stops.
MOST_STEPS, SETTLED = 10_000, 1e-9


def shifted_share(probabilities: Array, counts: Array, share: float) -> float:
    r"""Estimate the share of solid in a film from the probabilities of its pixels.

    .. math:: \pi \leftarrow \frac 1n \sum_i \frac{\pi p_i / s}
              {\pi p_i / s + (1 - \pi) (1 - p_i) / (1 - s)}

    Parameters
    ----------
    probabilities, counts : (k,) float
        Probabilities of solid, and the number of pixels with each.
    share
        Share s of solid in the data that the probabilities were calibrated on.

    Returns
    -------
    float
        The share of solid with the largest likelihood, in [0, 1].
    """
    weights = counts / counts.sum()
    solid, pore = probabilities / share, (1 - probabilities) / (1 - share)
    now = share
    for _ in range(MOST_STEPS):
        before, top = now, now * solid
        now = float(weights @ (top / (top + (1 - now) * pore)))
        if abs(now - before) < SETTLED:
            break
    return now
