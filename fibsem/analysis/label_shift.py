r"""How frequent a class is in a film without labels, where only its frequency has changed.

The classifier's probabilities hold for the frequencies that they were calibrated on. If pores look
the same in another film and are only rarer or more frequent there (*label shift*), the frequency
that explains the probabilities best is found by expectation and maximisation: Saerens, Latinne,
Decaestecker, Neural Computation 14 (2002) 21. Another detector or another material is no such case.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Steps, and the change of the frequency below which no other one is taken.
MOST_STEPS, SETTLED = 10_000, 1e-9


def shifted_share(probabilities: Array, counts: Array, share: float) -> float:
    r"""Share of solid in a film from the probabilities of its pixels.

    .. math:: \pi \leftarrow \frac 1n \sum_i \frac{\pi p_i / s}
              {\pi p_i / s + (1 - \pi) (1 - p_i) / (1 - s)}

    Parameters
    ----------
    probabilities, counts : (k,) float
        Probabilities of solid, and how many pixels have each.
    share
        Share s of solid where the probabilities were calibrated.

    Returns
    -------
    float
        The share of solid that has the largest likelihood, in [0, 1].
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
