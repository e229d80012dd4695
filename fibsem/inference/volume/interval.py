"""Porosity of a volume, corrected and with an interval, by the test squares of its own film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fibsem.analysis.intervals import FEWEST_SQUARES, PorosityEstimate, one_pixel_off, widened
from fibsem.analysis.labelled_squares import map_error
from fibsem.inference.options import Options
from fibsem.inference.volume.reading import Reading
from fibsem.inference.volume.tested import FilmInterval, FilmSquares
from fibsem.system.advice import MIN_VOLUME_NM3, SYMMETRY

Record = dict[str, Any]


@dataclass(frozen=True)
class CorrectedPorosity:
    """Porosity of a volume as the squares of its own film correct it.

    Attributes
    ----------
    interval
        What they say; None where they say nothing.
    why
        The reason for that.
    per_px
        What the porosity changes by where its boundary lies a pixel further, if that is known.
    others
        Error of the map on the squares of the films that have some.
    rounded
        Share of the labels that bfloat16 changes.
    """

    interval: FilmInterval | None
    why: str | None
    per_px: float | None
    others: Mapping[str, Mapping[str, float]]
    rounded: float = 0.0

    def to_json(self) -> Record:
        """What the summary says: ``porosity_corrected``, and ``porosity_interval``.

        Of that ``volume`` is the 95 % interval, None with the reason ``why`` where it cannot be
        told. ``one_pixel_off`` are its ends if every outline were drawn one pixel off, to either
        side. At both ends it is ``widened_by`` the labels that bfloat16 changes: squares are scored
        in float32.
        """
        reason: Record = {"why": self.why, "others": dict(self.others)}
        if self.interval is None:
            return {"porosity_corrected": None, "porosity_interval": {"volume": None, **reason}}
        film, beside = self.interval, self.interval.post_stratified
        interval = {
            **self._ends(film.corrected),
            "widened_by": self.rounded,
            "squares": film.squares,
            "square_px": film.square_px,
            "parts_sd": film.parts_sd,
            "labelled_over_mapped": film.labelled_over_mapped,
            "post_stratified": beside and self._ends(beside) | {"porosity": beside.porosity},
            **reason,
        }
        return {"porosity_corrected": film.corrected.porosity, "porosity_interval": interval}

    def _ends(self, estimate: PorosityEstimate) -> Record:
        """The interval of an estimate, and where it would lie with other outlines."""
        per_px, ends = self.per_px, widened(estimate.interval, self.rounded)
        return {
            "volume": list(ends),
            "error": estimate.error,
            "degrees": estimate.degrees,
            "one_pixel_off": None if per_px is None else list(one_pixel_off(ends, per_px)),
        }


def corrected_porosity(
    own: FilmSquares | None, mapped: float, tested: Sequence[FilmSquares], options: Options,
    per_px: float | None = None, reading: Reading | None = None, models: int = 1,
    rounded: float = 0.0,
) -> CorrectedPorosity:  # fmt: skip
    """Porosity of a volume, corrected and with an interval, from its ``own`` test squares.

    Squares of the other films that were ``tested`` do not transfer: a model errs otherwise there.

    Parameters
    ----------
    own, tested
        Squares of this film, if there are some, and of all films.
    mapped
        Porosity of the map.
    options
        How the volume was labelled.
    per_px
        What the porosity changes by where its boundary lies a pixel further.
    reading
        How the volume was looked at: squares of its film read otherwise are of another map.
    models
        Of the mean of several there is none that was scored on any squares.
    rounded
        Share of the labels that bfloat16 changes, of which squares in float32 know nothing.
    """
    why = _why_none(own, mapped, tested, options, reading, models)
    interval = own.interval(mapped) if own and why is None else None
    others = {film.sample: _error(film) for film in tested if film is not own and film.squares}
    return CorrectedPorosity(interval, why, per_px, others, rounded)


def _why_none(
    own: FilmSquares | None, mapped: float, tested: Sequence[FilmSquares], options: Options,
    reading: Reading | None, models: int,
) -> str | None:  # fmt: skip
    """Why squares tell no interval; None where they tell one."""
    if options.min_volume_nm3:
        return f"the test squares do not know what {MIN_VOLUME_NM3} changes"
    if options.symmetry > 1:
        views = SYMMETRY.at(options.symmetry)
        return f"the test squares were scored in one view, and not with {views}"
    if models > 1:
        return f"test squares are of one model, and not of the mean of {models}"
    if not tested:
        return "the model has no test squares with it"
    if own is None:
        return "the model was not tested on squares of this film, and those of others do not count"
    if reading and own.reading and (unlike := own.reading.unlike(reading)):
        return f"the test squares were scored with {unlike}"
    return own.unfit(mapped)


def _error(film: FilmSquares) -> dict[str, float]:
    """Labelled less mapped porosity on the squares of a film."""
    if len(film.squares) < FEWEST_SQUARES:
        return {"squares": len(film.squares)}
    off = map_error(film.squares)
    return {"squares": len(film.squares), "bias": off.bias, "error": off.error}
