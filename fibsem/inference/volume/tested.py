"""Labelled squares that a model was tested on, and what they say of the porosity of their film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fibsem.analysis.intervals import (
    FEWEST_SQUARES,
    PorosityEstimate,
    difference_estimate,
    labelled_over_mapped,
    one_pixel_off,
    post_stratified_estimate,
)
from fibsem.analysis.labelled_squares import lie_apart, map_error
from fibsem.analysis.metrics import Confusion, Counted, pooled
from fibsem.analysis.places import by_place
from fibsem.analysis.structure.parts import PartErrors, WrittenParts
from fibsem.data.digests import slice_digests
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import Volume
from fibsem.geometry import Triple
from fibsem.inference.options import Options
from fibsem.inference.volume.reading import Reading
from fibsem.inference.volume.witness import plain
from fibsem.system.records import typed

Record = dict[str, Any]

#: Slices by which a film is known again.
KNOWN_BY = 3
#: What the porosity of each seed is measured on, and how: a ranking chooses no threshold.
SEEDS_ON = "validation squares at threshold 0.5, unsmoothed"


@dataclass(frozen=True)
class FilmSquares:
    """Test squares of one film: labels against the labels that its segmentation has there.

    They stand for the film as far as they lie in it by chance, and not where pores were looked for.

    Attributes
    ----------
    sample
        Name of the film in its dataset.
    shape, slices
        Of the film, and digests of some of its slices: it is known again wherever it lies.
    squares
        By place in the slice: squares of one place lie above each other, and err together.
    parts
        How far probabilities are off in small parts of them; None of an older bundle.
    seeds
        Porosity that trainings of the same configuration with other seeds found on validation
        squares of the film, at threshold 0.5 without smoothing; empty where nobody looked.
    reading
        What was material, and which range the grey values had; None of an older bundle.
    """

    sample: str
    shape: Triple
    slices: Mapping[int, str]
    squares: tuple[Counted, ...]
    parts: WrittenParts | None = None
    seeds: tuple[float, ...] = ()
    reading: Reading | None = None

    @classmethod
    def of(
        cls, sample: str, volume: Volume, rows: Sequence[Record], kind: str,
        seeds: Sequence[float] = (), reading: Reading | None = None,
    ) -> FilmSquares:  # fmt: skip
        """From rows of labelled squares with their ``at`` and confusion matrix ``kind``."""
        places = by_place((sample, row["at"], Confusion.from_counts(row[kind])) for row in rows)
        squares = [pooled(some) for some in places.values()]
        digests = slice_digests(plain(volume), evenly_spaced(volume.shape[0], KNOWN_BY))
        parts = [PartErrors.from_json(row["parts"]) for row in rows if "parts" in row]
        return cls(
            sample, volume.shape, digests, tuple(s for s in squares if s.pixels),
            sum(parts, PartErrors()) if parts else None, tuple(seeds), reading,
        )  # fmt: skip

    def to_json(self) -> Record:
        return {
            "sample": self.sample,
            "shape": list(self.shape),
            "slices": dict(self.slices),
            "squares": [square.counts for square in self.squares],
            "parts": self.parts and self.parts.to_json(),
            "seeds": list(self.seeds),
            "reading": self.reading and self.reading.to_json(),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> FilmSquares:
        """Read what :meth:`to_json` gave."""
        return typed(cls, record)

    def is_of(self, volume: Volume) -> bool:
        """Whether a volume is this film."""
        if volume.shape != self.shape:
            return False
        return slice_digests(plain(volume), sorted(self.slices)) == self.slices

    def interval(self, mapped: float) -> Record | None:
        """What the squares say, for the porosity of a map; None where :meth:`unfit` says why."""
        if self.unfit(mapped):
            return None
        beside = post_stratified_estimate(mapped, self.squares)
        return {
            **_described(difference_estimate(mapped, self.squares)),
            "squares": len(self.squares),
            "square_px": float(np.mean([square.pixels for square in self.squares])),
            "parts_sd": self.parts and self.parts.sd,
            "labelled_over_mapped": labelled_over_mapped(self.squares),
            "post_stratified": beside and _described(beside),
        }

    def unfit(self, mapped: float) -> str | None:
        """Why they say nothing of a film whose map has this porosity; None where they do."""
        if len(self.squares) < FEWEST_SQUARES:
            return f"{len(self.squares)} test squares are too few, {FEWEST_SQUARES} are needed"
        if lie_apart(mapped, self.squares):
            here = pooled(self.squares).porosity
            return (
                f"the map has {100 * here:.1f} % pores on the test squares and "
                f"{100 * mapped:.1f} % in the film: they do not lie in it by chance"
            )
        return None


def _described(estimate: PorosityEstimate) -> Record:
    return {
        "porosity": estimate.porosity,
        "volume": list(estimate.interval),
        "error": estimate.error,
        "degrees": estimate.degrees,
    }


def porosity_interval(
    own: FilmSquares | None, mapped: float, tested: Sequence[FilmSquares], options: Options,
    per_px: float | None = None, reading: Reading | None = None, models: int = 1,
) -> Record:  # fmt: skip
    """Porosity of a volume, corrected and with an interval, from its ``own`` test squares.

    Squares of the other films that were ``tested`` do not transfer: a model errs otherwise there.
    ``per_px`` is what the porosity changes by where its boundary lies a pixel further, and
    ``reading`` how the volume was looked at: squares of its film read otherwise are of another map.
    Of the mean of several ``models`` there is none that was scored on any.

    Returns
    -------
    dict
        ``porosity_corrected`` and ``porosity_interval``: ``volume`` is the 95 % interval; None with
        the reason ``why`` where it cannot be told, and the ``others``, the error of the map on the
        squares of the films that have some. ``one_pixel_off`` are its ends if every outline were
        drawn one pixel off, to either side.
    """
    others = {film.sample: _error(film) for film in tested if film is not own and film.squares}
    estimate, why = own and own.interval(mapped), None
    unlike = own and own.reading and reading and own.reading.unlike(reading)
    if options.min_volume_nm3:
        estimate, why = None, "the test squares do not know what min_volume_nm3 changes"
    elif options.symmetry > 1:
        estimate = None
        why = f"the test squares were scored in one view, and not with symmetry={options.symmetry}"
    elif models > 1:
        estimate, why = None, f"test squares are of one model, and not of the mean of {models}"
    elif not tested:
        why = "the model has no test squares with it"
    elif own is None:
        why = "the model was not tested on squares of this film, and those of others do not count"
    elif unlike:
        estimate, why = None, f"the test squares were scored with {unlike}"
    elif estimate is None:
        why = own.unfit(mapped)
    interval = {"volume": None, **(estimate or {}), "why": why, "others": others}
    for ends in (interval, interval.get("post_stratified")) if estimate else ():
        if ends:
            wide = None if per_px is None else list(one_pixel_off(ends["volume"], per_px))
            ends["one_pixel_off"] = wide
    return {
        "porosity_corrected": estimate and interval.pop("porosity"), "porosity_interval": interval,
    }  # fmt: skip


@dataclass(frozen=True)
class PorosityBySeed:
    """How far trainings with other seeds are apart on the validation squares of a film.

    Attributes
    ----------
    each
        Porosity by seed, at :data:`SEEDS_ON` and not at the threshold that is chosen for the model
        that is promoted; empty where nobody looked.
    others
        Standard deviation on other films.
    why
        The reason where nobody looked.
    """

    each: tuple[float, ...]
    others: Mapping[str, float]
    why: str | None = None

    @property
    def sd(self) -> float | None:
        """Standard deviation over seeds."""
        return _sd(self.each) if self.each else None

    def to_json(self) -> Record:
        """What the summary says of it."""
        others = dict(self.others)
        if not self.each:
            return {"each": None, "sd": None, "why": self.why, "others": others}
        return {
            "each": list(self.each), "sd": self.sd, "why": None, "seeds": len(self.each),
            "on": SEEDS_ON, "others": others,
        }  # fmt: skip


def porosity_by_seed(own: FilmSquares | None, tested: Sequence[FilmSquares]) -> PorosityBySeed:
    """How far trainings with other seeds are apart on a film, by its ``own`` squares."""
    others = {f.sample: _sd(f.seeds) for f in tested if f is not own and len(f.seeds) > 1}
    if own and len(own.seeds) > 1:
        return PorosityBySeed(own.seeds, others)
    return PorosityBySeed((), others, "on this film" if others else "promote rank.k=2 does")


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1))


def _error(film: FilmSquares) -> Record:
    """Labelled less mapped porosity on the squares of a film."""
    if len(film.squares) < FEWEST_SQUARES:
        return {"squares": len(film.squares)}
    off = map_error(film.squares)
    return {"squares": len(film.squares), "bias": off.bias, "error": off.error}
