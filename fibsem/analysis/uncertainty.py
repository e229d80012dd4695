"""Intervals for porosity."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def normal_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of a mean, mean +- 1.96 s.d. / sqrt(n) (thesis 3.9).

    The values (squares, or slices) are taken as independent, as the thesis does; neighbouring
    slices are not, so that an interval over slices is too narrow.
    """
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    if x.size < 2:
        return float("nan"), float("nan")
    half = 1.96 * float(x.std(ddof=1)) / np.sqrt(x.size)
    return float(x.mean() - half), float(x.mean() + half)


def porosity_text(porosity: float, interval: Sequence[float | None]) -> str:
    """Porosity and its interval in per cent.

    >>> porosity_text(0.31, (0.3, 0.32))
    '31.00 % [30.00, 32.00]'
    >>> porosity_text(0.31, (math.nan, math.nan))
    '31.00 % (no interval from one slice)'
    """
    ends = [100 * end for end in interval if end is not None and math.isfinite(end)]
    if len(ends) < 2:
        return f"{100 * porosity:.2f} % (no interval from one slice)"
    return f"{100 * porosity:.2f} % [{ends[0]:.2f}, {ends[1]:.2f}]"
