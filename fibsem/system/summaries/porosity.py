"""The porosity of a film with its interval and spreads, in one record from labels to report.

``fibsem.segment`` writes it, ``fibsem.quantify`` measures it again if labels were edited by hand,
``fibsem.promote`` keeps it for every film, and reports show the latest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from fibsem.system.records import UNLESS_NONE
from fibsem.system.summaries.figures import Agreement, Ends, Text


@dataclass(frozen=True)
class SquaresEstimate:
    """95 % interval of a porosity that is estimated from labelled squares.

    Attributes
    ----------
    volume
        Ends of the interval; None if they cannot be estimated.
    error, degrees
        Standard error, and its degrees of freedom.
    one_pixel_off
        Ends if every outline were drawn one pixel off, to either side.
    """

    volume: Ends | None = None
    error: float | None = None
    degrees: float | None = None
    one_pixel_off: Ends | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        """Ends of the interval, or None unless both are known."""
        low, high = self.volume or (None, None)
        return None if low is None or high is None else (low, high)


@dataclass(frozen=True)
class PostStratified(SquaresEstimate):
    """Porosity by post-stratification: from the share of pores in each class of the map."""

    porosity: float | None = None


@dataclass(frozen=True)
class OtherFilm:
    """Number of another film's squares, by place, and labelled minus mapped porosity on them.

    ``bias`` and its standard ``error`` are None if there are too few.
    """

    squares: int
    bias: float | None = None
    error: float | None = None


@dataclass(frozen=True)
class Interval(SquaresEstimate):
    """Interval of a film's porosity from its test squares, or why there is none.

    Attributes
    ----------
    widened_by
        Share of the labels that bfloat16 changes, added at both ends: squares are scored in
        float32.
    squares, square_px
        Number of squares, by place, and their mean number of pixels.
    slices
        First and last slice with squares, if they span less than half of the film.
    parts_sd
        Standard deviation of the probabilities' error in small parts of the squares.
    labelled_over_mapped
        Ratio of the variation of the labels between squares to that of the map.
    post_stratified
        Post-stratified estimate for the same film.
    why
        Reason why there is no interval.
    others
        Bias of the map on the squares of other films.
    material
        Ends for the material that the film is a sample of, if requested.

    Examples
    --------
    >>> Interval(volume=(0.380, 0.417), error=0.009, degrees=9.0, squares=10).ends
    (0.38, 0.417)
    >>> Interval(why="no test squares").ends is None
    True
    """

    widened_by: float | None = None
    squares: int | None = None
    square_px: float | None = None
    slices: tuple[int, int] | None = None
    parts_sd: float | None = None
    labelled_over_mapped: float | None = None
    post_stratified: PostStratified | None = None
    why: Text = None
    others: dict[str, OtherFilm] | None = None
    material: Ends | None = None


@dataclass(frozen=True)
class Members:
    """Porosity by each member of an ensemble alone, its spread, and the number of pixels used."""

    each: tuple[float, ...]
    sd: float | None = None
    pixels: int | None = None


@dataclass(frozen=True)
class Seeds:
    """Spread of the porosity between trainings with different seeds, or why it is unknown.

    Attributes
    ----------
    each, sd, seeds
        Porosity by seed, its standard deviation, and the number of seeds; None if not measured.
    on
        What the porosities were measured on, and how.
    why
        Reason why they were not measured.
    others
        Standard deviation on other films.
    """

    each: tuple[float, ...] | None = None
    sd: float | None = None
    seeds: int | None = None
    on: Text = None
    why: Text = None
    others: dict[str, float] | None = None

    def __post_init__(self) -> None:
        if self.sd is not None and None in (self.seeds, self.on):
            raise ValueError("it lacks seeds or on")


@dataclass(frozen=True)
class FilmPorosity:
    """Porosity of a segmented film, with its interval and its spreads.

    Attributes
    ----------
    porosity, porosity_ci
        Porosity of the map, and its 95 % interval over slices, which takes the map as true.
    porosity_corrected, porosity_interval
        Porosity corrected by the film's own test squares, and its interval.
    porosity_by_member, porosity_by_seed
        Porosity by each member of an ensemble alone, and spread between training seeds.
    porosity_per_px_of_boundary
        Change of the porosity if the outlines of all pores were moved by a pixel.
    porosity_assuming_label_shift
        Porosity from calibrated probabilities alone.
    agreement
        Agreement of the film's annotators; a report takes it from an inspection.

    Examples
    --------
    >>> film = FilmPorosity(0.413, (0.406, 0.421), 0.398, Interval((0.380, 0.417), squares=10))
    >>> film.porosity_corrected, film.porosity_interval.ends
    (0.398, (0.38, 0.417))
    """

    porosity: float
    porosity_ci: Ends | None = None
    porosity_corrected: float | None = None
    porosity_interval: Interval | None = None
    porosity_by_member: Members | None = None
    porosity_by_seed: Seeds | None = None
    porosity_per_px_of_boundary: float | None = None
    porosity_assuming_label_shift: float | None = None
    agreement: Agreement | None = field(default=None, metadata=UNLESS_NONE)

    def __post_init__(self) -> None:
        if not (math.isnan(self.porosity) or 0 <= self.porosity <= 1):
            raise ValueError(f"porosity: must be a share from 0 to 1, but got {self.porosity}")

    def alone(self) -> FilmPorosity:
        """Return the porosity without the other keys of a summary."""
        return FilmPorosity(
            **{entry.name: getattr(self, entry.name) for entry in fields(FilmPorosity)}
        )


@dataclass(frozen=True)
class Corrected(FilmPorosity):
    """Porosity of a segmented film; a corrected porosity must have an interval."""

    porosity_ci: Ends | None = field()

    def __post_init__(self) -> None:
        super().__post_init__()
        interval = self.porosity_interval
        if self.porosity_corrected is None:
            return
        if interval is None or interval.volume is None or interval.squares is None:
            raise ValueError("it lacks the interval of porosity_corrected")
