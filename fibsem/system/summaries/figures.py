"""Shapes that several kinds of summaries share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fibsem.system.records import Number

Shape = tuple[int, int, int]
#: Ends of an interval; null where there is none.
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
        """Mean and standard deviation of at least one value."""
        x = np.asarray(values, np.float64)
        return cls(float(x.mean()), float(x.std(ddof=1)) if x.size > 1 else float("nan"))


@dataclass(frozen=True)
class WithMiou:
    """MIoU of one seed, or of one trial."""

    miou: float


@dataclass(frozen=True)
class Agreement:
    """How far those who labelled the same squares agree.

    Attributes
    ----------
    annotators, squares
        Who labelled, and what several of them did.
    miou
        Between any two of them, over pooled pixels.
    porosity_difference
        Mean over pairs of masks of how far their porosities are apart.
    """

    annotators: tuple[str, ...]
    squares: int
    miou: float
    porosity_difference: float
