"""Shapes that several kinds of summaries share."""

from __future__ import annotations

from dataclasses import dataclass, field

Shape = tuple[int, int, int]
Figures = dict[str, float | None]
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
class Interval:
    """An interval of a porosity, or why there is none."""

    volume: Ends | None = None
    why: Text = None
    squares: int | None = None
    others: dict[str, Figures] | None = None


@dataclass(frozen=True)
class Members:
    """What members of an ensemble say alone."""

    each: tuple[float, ...]


@dataclass(frozen=True)
class Seeds:
    """How far trainings with other seeds are apart, or why nobody knows."""

    sd: float | None = None
    seeds: int | None = None
    on: Text = None
    why: Text = None

    def __post_init__(self) -> None:
        if self.sd is not None and None in (self.seeds, self.on):
            raise ValueError("it lacks seeds or on")


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


@dataclass(frozen=True)
class Labelled:
    """Porosity of a segmented film, and what stands beside it."""

    porosity: float
    porosity_ci: Ends | None = None
    porosity_corrected: float | None = None
    porosity_interval: Interval | None = None
    porosity_by_member: Members | None = None
    porosity_by_seed: Seeds | None = None
    porosity_per_px_of_boundary: float | None = None
    porosity_assuming_label_shift: float | None = None
    agreement: Agreement | None = None


@dataclass(frozen=True)
class Corrected(Labelled):
    """Porosity of a segmented film, with an interval where a corrected one is told."""

    porosity_ci: Ends | None = field()

    def __post_init__(self) -> None:
        interval = self.porosity_interval
        if self.porosity_corrected is None:
            return
        if interval is None or interval.volume is None or interval.squares is None:
            raise ValueError("it lacks the interval of porosity_corrected")
