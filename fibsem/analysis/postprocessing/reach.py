"""Thresholds for classes of any frequency: evenly spaced ones, and more of them near 0 and 1.

A network is trained on as many pores as solids. The rarer a class is in the film, the nearer the
best threshold is to 0 or 1: its odds are about those of the class. Even steps of the logit cover
this range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Step of the logit beyond the last even threshold, and number of steps: from 0.05 to 0.00013. The
#: number is a multiple of the stride of ``coarse_to_fine``, so that its lattice stays on the same
#: even thresholds.
STEP, STEPS = 0.25, 24


def reaching(even: Sequence[float], *, low: bool = True, high: bool = True) -> tuple[float, ...]:
    """Append thresholds towards 0 and 1 to evenly spaced ones in (0, 1).

    The even ones come first, because the first of equally good thresholds is chosen: an extreme
    one is only chosen if it is better.

    Parameters
    ----------
    even
        In ascending order.
    low, high
        Whether to extend below the first and above the last of them.

    Examples
    --------
    >>> [round(t, 4) for t in reaching((0.25, 0.5), high=False)[:4]]
    [0.25, 0.5, 0.2061, 0.1682]
    """
    below = _beyond(even[0]) if low else []
    above = [1 - t for t in _beyond(1 - even[-1])] if high else []
    return (*even, *below, *above)


def at_an_end(threshold: float, tried: Sequence[float]) -> str:
    """Return a warning if the best threshold is the smallest or largest one tried, else "".

    Examples
    --------
    >>> at_an_end(0.3, (0.3, 0.4, 0.5))
    'threshold 0.3 is an end of those that were tried, 0.3 to 0.5: a better one may lie beyond'
    """
    ends = min(tried), max(tried)
    if ends[0] == ends[1] or threshold not in ends:
        return ""
    return (
        f"threshold {threshold:.3g} is an end of those that were tried, {ends[0]:.3g} to "
        f"{ends[1]:.3g}: a better one may lie beyond"
    )


def _beyond(first: float) -> list[float]:
    """Return descending thresholds below a first one, in even steps of the logit."""
    logit = math.log(first / (1 - first))
    return [1 / (1 + math.exp(k * STEP - logit)) for k in range(1, STEPS + 1)]
