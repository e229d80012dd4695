"""Intervals for porosity."""

from __future__ import annotations

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
