"""Labelled squares that a model was tested on, and what they say of the porosity of their film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fibsem.analysis.intervals import (
    FEWEST_SQUARES,
    Estimate,
    difference_estimate,
    post_stratified_estimate,
)
from fibsem.analysis.metrics import Confusion, Counted, pooled
from fibsem.analysis.structure.parts import PartErrors, WrittenParts
from fibsem.data.digests import slice_digests
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import Volume
from fibsem.geometry import Triple
from fibsem.inference.options import Options
from fibsem.inference.volume.witness import plain
from fibsem.system.records import typed

Record = dict[str, Any]

#: Slices by which a film is known again.
KNOWN_BY = 3


@dataclass(frozen=True)
class FilmSquares:
    """Test squares of one film: labels against the labels that its segmentation has there.

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
    """

    sample: str
    shape: Triple
    slices: Mapping[int, str]
    squares: tuple[Counted, ...]
    parts: WrittenParts | None = None

    @classmethod
    def of(cls, sample: str, volume: Volume, rows: Sequence[Record], kind: str) -> FilmSquares:
        """From rows of labelled squares with their ``at`` and confusion matrix ``kind``."""
        places: dict[tuple[int, int], list[Confusion]] = {}
        for row in rows:
            y, x = row["at"][1:]
            places.setdefault((y, x), []).append(Confusion.from_counts(row[kind]))
        squares = [pooled(some) for some in places.values()]
        digests = slice_digests(plain(volume), evenly_spaced(volume.shape[0], KNOWN_BY))
        parts = [PartErrors.from_json(row["parts"]) for row in rows if "parts" in row]
        return cls(
            sample, volume.shape, digests, tuple(s for s in squares if s.pixels),
            sum(parts, PartErrors()) if parts else None,
        )  # fmt: skip

    def to_json(self) -> Record:
        return {
            "sample": self.sample,
            "shape": list(self.shape),
            "slices": dict(self.slices),
            "squares": [square.counts for square in self.squares],
            "parts": self.parts and self.parts.to_json(),
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
        """What the squares say, for the porosity of a map; None where they are too few."""
        if len(self.squares) < FEWEST_SQUARES:
            return None
        beside = post_stratified_estimate(mapped, self.squares)
        return {
            **_described(difference_estimate(mapped, self.squares)),
            "squares": len(self.squares),
            "square_px": float(np.mean([square.pixels for square in self.squares])),
            "parts_sd": self.parts and self.parts.sd,
            "post_stratified": beside and _described(beside),
        }


def _described(estimate: Estimate) -> Record:
    return {
        "porosity": estimate.porosity,
        "volume": list(estimate.interval),
        "error": estimate.error,
        "degrees": estimate.degrees,
    }


def porosity_interval(
    own: FilmSquares | None, mapped: float, tested: Sequence[FilmSquares], options: Options
) -> Record:
    """Porosity of a volume, corrected and with an interval, from its ``own`` test squares.

    Squares of the other films that were ``tested`` do not transfer: a model errs otherwise there.

    Returns
    -------
    dict
        ``porosity_corrected`` and ``porosity_interval``: ``volume`` is the 95 % interval; None with
        the reason ``why`` where it cannot be told, and the ``others``, the error of the map on the
        squares of the films that have some.
    """
    others = {film.sample: _error(film) for film in tested if film is not own and film.squares}
    found, why = own and own.interval(mapped), None
    if options.min_volume_nm3:
        found, why = None, "the test squares do not know what min_volume_nm3 changes"
    elif not tested:
        why = "the model has no test squares with it"
    elif own is None:
        why = "the model was not tested on squares of this film, and those of others do not count"
    elif found is None:
        why = f"{len(own.squares)} test squares are too few, {FEWEST_SQUARES} are needed"
    interval = {"volume": None, **(found or {}), "why": why, "others": others}
    return {
        "porosity_corrected": found and interval.pop("porosity"), "porosity_interval": interval,
    }  # fmt: skip


def _error(film: FilmSquares) -> Record:
    """Labelled less mapped porosity on the squares of a film."""
    if len(film.squares) < FEWEST_SQUARES:
        return {"squares": len(film.squares)}
    estimate = difference_estimate(0.0, film.squares)
    return {
        "squares": len(film.squares), "bias": estimate.porosity, "error": estimate.error,
    }  # fmt: skip
