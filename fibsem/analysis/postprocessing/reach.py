"""Thresholds for classes of any share: even ones, and more of them towards 0 and 1.

A network is trained on as many pores as solids. The rarer a class is in the film, the nearer to an
end of the scale is the threshold that is best there: its odds are about those of the class. Even
steps of the logit follow it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Steps of the logit beyond the last even threshold, and their number: from 0.05 to 0.00013. They
#: are whole strides of the search by a sample, whose places among even thresholds stay the same.
STEP, STEPS = 0.25, 24


def reaching(even: Sequence[float], *, low: bool = True, high: bool = True) -> tuple[float, ...]:
    """Ascending thresholds in (0, 1), and after them those that reach further.

    The even ones come first: of equals the first is taken, so that an end is only chosen where it
    is better.

    Parameters
    ----------
    even
        Ascending.
    low, high
        Whether to reach below the first and above the last of them.

    >>> [round(t, 4) for t in reaching((0.25, 0.5), high=False)[:4]]
    [0.25, 0.5, 0.2061, 0.1682]
    """
    below = _beyond(even[0]) if low else []
    above = [1 - t for t in _beyond(1 - even[-1])] if high else []
    return (*even, *below, *above)


def at_an_end(threshold: float, tried: Sequence[float]) -> str:
    """What is said where the best of several thresholds is the last that was tried; else nothing.

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
    """Descending thresholds below a first one."""
    logit = math.log(first / (1 - first))
    return [1 / (1 + math.exp(k * STEP - logit)) for k in range(1, STEPS + 1)]
