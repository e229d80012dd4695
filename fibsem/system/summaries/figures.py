"""Shapes that several kinds of summaries share."""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, int, int]
#: Ends of an interval; null where there is none.
Ends = tuple[float | None, float | None]
Text = str | None


@dataclass(frozen=True)
class OverSeeds:
    """Mean and standard deviation over seeds."""

    mean: float | None
    std: float | None


@dataclass(frozen=True)
class Certain:
    """Mean and standard deviation of a figure that every seed has."""

    mean: float
    std: float | None


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
