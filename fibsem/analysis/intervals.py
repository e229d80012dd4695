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


def with_interval(
    value: float, ends: Sequence[float | None] | None, digits: int, scale: float = 1, unit: str = ""
) -> str:
    """A figure with its interval as people read it; alone where there is none.

    >>> with_interval(0.2213, (0.2189, 0.2237), 2, 100, " %"), with_interval(0.2213, None, 3)
    ('22.13 % [21.89, 22.37]', '0.221')
    """
    text = f"{scale * value:.{digits}f}{unit}"
    known = [end for end in ends or () if end is not None and math.isfinite(end)]
    if len(known) < 2:
        return text
    return f"{text} [{', '.join(f'{scale * end:.{digits}f}' for end in known)}]"


def porosity_text(porosity: float, interval: Sequence[float | None]) -> str:
    """Porosity and its interval in per cent.

    >>> porosity_text(0.31, (0.3, 0.32))
    '31.00 % [30.00, 32.00]'
    >>> porosity_text(0.31, (math.nan, math.nan))
    '31.00 % (no interval from one slice)'
    """
    text = with_interval(porosity, interval, 2, 100, " %")
    return text if "[" in text else f"{text} (no interval from one slice)"
