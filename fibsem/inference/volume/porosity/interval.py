"""Corrects the porosity of a volume by test squares of its film, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from fibsem.analysis.intervals import FEWEST_SQUARES, PorosityEstimate, one_pixel_off, widened
from fibsem.analysis.labelled_squares import map_error
from fibsem.inference.options import Options
from fibsem.inference.volume.porosity.reading import Reading
from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.system.advice import MIN_VOLUME_NM3, SYMMETRY
from fibsem.system.summaries.porosity import Interval, OtherFilm, PostStratified


@dataclass(frozen=True)
class CorrectedPorosity:
    """Corrected porosity of a volume, None if it cannot be corrected, and its interval."""

    porosity: float | None
    interval: Interval


class _EndsOfEstimate(TypedDict):
    """Fields of :class:`SquaresEstimate` that follow from an estimate."""

    volume: tuple[float, float]
    error: float
    degrees: float
    one_pixel_off: tuple[float, float] | None


def corrected_porosity(
    squares: FilmSquares | None, mapped: float, tested: Sequence[FilmSquares], options: Options,
    per_px: float | None = None, reading: Reading | None = None, models: int = 1,
    rounded: float = 0.0,
) -> CorrectedPorosity:  # fmt: skip
    """Correct the porosity of a volume by its own test squares, with an interval.

    Squares of other films (``tested``) cannot be used, since the model has other errors there.

    Parameters
    ----------
    squares, tested
        Squares of this film, if there are any, and of all films.
    mapped
        Porosity of the volume by its labels.
    options
        Options of the segmentation.
    per_px
        Change of the porosity if outlines are drawn a pixel further.
    reading
        Extent and range with which the volume was read; squares must have been scored with the
        same.
    models
        Number of bundles in ``weights``; only a single one was scored on its squares.
    rounded
        Share of the labels that bfloat16 changes, since squares are scored in float32.
    """
    why = _why_none(squares, mapped, tested, options, reading, models)
    film = squares.interval(mapped) if squares and why is None else None
    others = {film.sample: _error(film) for film in tested if film is not squares and film.squares}
    if film is None:
        return CorrectedPorosity(None, Interval(why=why, others=others))
    beside = film.post_stratified
    interval = Interval(
        **_ends(film.corrected, per_px, rounded),
        widened_by=rounded,
        squares=film.squares,
        square_px=film.square_px,
        slices=squares.crowded if squares else None,
        parts_sd=film.parts_sd,
        labelled_over_mapped=film.labelled_over_mapped,
        post_stratified=None
        if beside is None
        else PostStratified(**_ends(beside, per_px, rounded), porosity=beside.porosity),
        others=others,
    )
    return CorrectedPorosity(film.corrected.porosity, interval)


def _ends(estimate: PorosityEstimate, per_px: float | None, rounded: float) -> _EndsOfEstimate:
    """The interval of an estimate, and its ends if outlines were drawn one pixel off."""
    ends = widened(estimate.interval, rounded)
    off = None if per_px is None else one_pixel_off(ends, per_px)
    return {
        "volume": ends, "error": estimate.error, "degrees": estimate.degrees, "one_pixel_off": off,
    }  # fmt: skip


def _why_none(
    squares: FilmSquares | None, mapped: float, tested: Sequence[FilmSquares], options: Options,
    reading: Reading | None, models: int,
) -> str | None:  # fmt: skip
    """Why squares cannot give an interval; None if they can."""
    if options.min_volume_nm3:
        return f"the test squares do not know what {MIN_VOLUME_NM3} changes"
    if options.symmetry > 1:
        views = SYMMETRY.at(options.symmetry)
        return f"the test squares were scored in one view, and not with {views}"
    if models > 1:
        return f"test squares are of one model, and not of the mean of {models}"
    if not tested:
        return "the model has no test squares with it (promote scores them)"
    if squares is None:
        return "the model was not tested on squares of this film, and those of others do not count"
    if reading and squares.reading and (unlike := squares.reading.unlike(reading)):
        return f"the test squares were scored with {unlike}"
    return squares.unfit(mapped)


def _error(film: FilmSquares) -> OtherFilm:
    """Labelled minus predicted porosity on the squares of a film."""
    count = len(film.squares)
    if count < FEWEST_SQUARES:
        return OtherFilm(count)
    off = map_error(film.squares)
    return OtherFilm(count, off.bias, off.error)
