"""The porosity of a film, and all that is told beside it: one record from labels to report.

``fibsem.segment`` writes it, ``fibsem.quantify`` measures it again where labels were mended by
hand, ``fibsem.promote`` keeps it of every film, and reports show the latest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

from fibsem.system.records import UNLESS_NONE, Record, as_record
from fibsem.system.summaries.figures import Agreement, Ends, Text


@dataclass(frozen=True)
class SquaresEstimate:
    """A porosity by labelled squares: the ends of its 95 % interval.

    Attributes
    ----------
    volume
        The ends; None where they cannot be told.
    error, degrees
        Standard error, and its degrees of freedom.
    one_pixel_off
        The ends if every outline were drawn one pixel off, to either side.
    """

    volume: Ends | None = None
    error: float | None = None
    degrees: float | None = None
    one_pixel_off: Ends | None = None

    @property
    def ends(self) -> tuple[float, float] | None:
        """The ends of the interval, if both are told."""
        low, high = self.volume or (None, None)
        return None if low is None or high is None else (low, high)


@dataclass(frozen=True)
class PostStratified(SquaresEstimate):
    """The porosity by the share of pores in each class of the map."""

    porosity: float | None = None


@dataclass(frozen=True)
class OtherFilm:
    """Squares of another film, by place, and labelled less mapped porosity on enough of them."""

    squares: int
    bias: float | None = None
    error: float | None = None


@dataclass(frozen=True)
class Interval(SquaresEstimate):
    """What the test squares of a film say of the porosity of its map, or why they do not.

    Attributes
    ----------
    widened_by
        Share of the labels that bfloat16 changes, at both ends: squares are scored in float32.
    squares, square_px
        How many there are, by place, and their pixels on average.
    slices
        First and last slice that they lie in, where that is less than half of the film.
    parts_sd
        How far probabilities are off in small parts of them.
    labelled_over_mapped
        How much more labels vary over them than the map does.
    post_stratified
        The same film by another estimate.
    why
        The reason where there is no interval.
    others
        What the squares of other films say of the map.
    material
        Ends for the material that the film is a sample of, where they were asked for.
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
    """What members of an ensemble say alone; their spread, and how many pixels were looked at."""

    each: tuple[float, ...]
    sd: float | None = None
    pixels: int | None = None


@dataclass(frozen=True)
class Seeds:
    """How far trainings with other seeds are apart, or why nobody knows.

    Attributes
    ----------
    each, sd, seeds
        Porosity by seed, its standard deviation, and how many there are; None where nobody looked.
    on
        What each was measured on, and how.
    why
        The reason where nobody looked.
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
    """Porosity of a segmented film, and what stands beside it.

    Attributes
    ----------
    porosity, porosity_ci
        Of the map, and its 95 % interval over slices, which takes the map as true.
    porosity_corrected, porosity_interval
        As the film's own test squares correct it.
    porosity_by_member, porosity_by_seed
        By each member of an ensemble alone, and how far trainings with other seeds are apart.
    porosity_per_px_of_boundary
        What it changes by where the outlines of all pores lie a pixel further.
    porosity_assuming_label_shift
        By calibrated probabilities alone.
    agreement
        Of those who labelled the film; a report finds it in an inspection.
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

    def alone(self) -> FilmPorosity:
        """The porosity without what else a summary says."""
        return FilmPorosity(**{one.name: getattr(self, one.name) for one in fields(FilmPorosity)})

    def to_json(self) -> Record:
        """What a ``summary.json`` says of the porosity.

        Examples
        --------
        >>> FilmPorosity(0.413, (0.406, 0.421)).to_json()["porosity_ci"]
        [0.406, 0.421]
        """
        record: Record = as_record(replace(self.alone(), agreement=None))
        return record


@dataclass(frozen=True)
class Corrected(FilmPorosity):
    """Porosity of a segmented film, with an interval where a corrected one is told."""

    porosity_ci: Ends | None = field()

    def __post_init__(self) -> None:
        interval = self.porosity_interval
        if self.porosity_corrected is None:
            return
        if interval is None or interval.volume is None or interval.squares is None:
            raise ValueError("it lacks the interval of porosity_corrected")
