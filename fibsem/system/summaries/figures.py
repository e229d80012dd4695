"""Types that several kinds of summaries share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fibsem.system.records import Number

Shape = tuple[int, int, int]
#: Ends of an interval; None for an end that is missing.
Ends = tuple[float | None, float | None]
Text = str | None
AxisName = Literal["z", "y", "x"]


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation of a figure over runs; nan for a single run.

    Examples
    --------
    >>> Spread.of([0.79, 0.80, 0.81])  # doctest: +ELLIPSIS
    Spread(mean=0.8..., std=0.01...)
    >>> str(Spread.of([0.79, 0.80, 0.81])), str(Spread.of([0.79]))
    ('0.8000 ± 0.0100', '0.7900')
    """

    mean: Number
    std: Number

    def __str__(self) -> str:
        return f"{self.mean:.4f}" + ("" if math.isnan(self.std) else f" ± {self.std:.4f}")

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Compute the mean and standard deviation of at least one value."""
        x = np.asarray(values, np.float64)
        return cls(float(x.mean()), float(x.std(ddof=1)) if x.size > 1 else float("nan"))


@dataclass(frozen=True)
class WithMiou:
    """Figures of one seed or one trial that contain its mIoU."""

    miou: float


@dataclass(frozen=True)
class Agreement:
    """Agreement between annotators who labelled the same squares.

    Attributes
    ----------
    annotators, squares
        Names of the annotators, and number of squares that several of them labelled.
    miou
        MIoU between pairs of annotators, over pooled pixels.
    porosity_difference
        Mean absolute difference of the porosities of two masks, over all pairs.
    """

    annotators: tuple[str, ...]
    squares: int
    miou: float
    porosity_difference: float
