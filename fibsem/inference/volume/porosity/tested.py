"""Test squares of a model by film, and intervals of the film's porosity from them."""

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
    post_stratified_estimate,
)
from fibsem.analysis.labelled_squares import err_alike, lie_apart
from fibsem.analysis.metrics import Confusion, Counted, pooled
from fibsem.analysis.structure.parts import PartErrors, WrittenParts
from fibsem.geometry import Triple
from fibsem.inference.volume.porosity.reading import Reading
from fibsem.places import Spot, by_place
from fibsem.system.records import Record, typed
from fibsem.system.summaries.promotion import SquareRow


@dataclass(frozen=True)
class FilmInterval:
    """Estimates of a film's porosity from its test squares.

    Attributes
    ----------
    corrected
        Porosity by labels, corrected by the mean error on the squares.
    post_stratified
        Post-stratified estimate: by the true share of pores in each predicted class; None if it
        cannot be computed.
    squares, square_px
        Number of squares, by place, and their mean number of pixels.
    parts_sd
        Errors of probabilities in small parts of squares; None in bundles of earlier versions.
    labelled_over_mapped
        S.d. of labelled porosities over that of predicted ones; None if the latter are equal.
    """

    corrected: PorosityEstimate
    post_stratified: PorosityEstimate | None
    squares: int
    square_px: float
    parts_sd: float | None
    labelled_over_mapped: float | None


@dataclass(frozen=True)
class FilmSquares:
    """Test squares of one film: labels compared with predictions.

    They represent the film only if they were placed at random, not at conspicuous pores.

    Attributes
    ----------
    sample
        Name of the film in its dataset.
    shape, slices
        Shape of the film, and digests of its slices, by which it is recognised in other files.
    squares
        Squares by place: squares of one place lie above each other, and have similar errors.
    parts
        Errors of probabilities in small parts of squares; None in bundles of earlier versions.
    seeds
        Porosity that trainings of the same configuration with other seeds found on validation
        squares of the film, at threshold 0.5 without smoothing; may be empty.
    reading
        Extent and range with which the film was read; None in bundles of earlier versions.
    between
        First and last slice with squares; None in bundles of earlier versions.
    """

    sample: str
    shape: Triple
    slices: Mapping[int, str]
    squares: tuple[Counted, ...]
    parts: WrittenParts | None = None
    seeds: tuple[float, ...] = ()
    reading: Reading | None = None
    between: tuple[int, int] | None = None

    @property
    def crowded(self) -> tuple[int, int] | None:
        """First and last slice with squares, if these are less than half of the film; else None."""
        if self.between is None:
            return None
        first, last = self.between
        return self.between if 2 * (last + 1 - first) < self.shape[0] else None

    @classmethod
    def of(
        cls, sample: str, shape: Triple, slices: Mapping[int, str], rows: Sequence[SquareRow],
        seeds: Sequence[float] = (), reading: Reading | None = None,
    ) -> FilmSquares:  # fmt: skip
        """Return the test squares of a film from rows of its squares, after post-processing."""
        places = by_place((Spot(sample, row.at, row.size), Confusion(row.chosen)) for row in rows)
        squares = [pooled(group) for group in places.values()]
        parts = [PartErrors(*row.parts) for row in rows if row.parts]
        labelled = [row.at[0] for row in rows]
        return cls(
            sample, shape, slices, tuple(s for s in squares if s.pixels),
            sum(parts, PartErrors()) if parts else None, tuple(seeds), reading,
            (min(labelled), max(labelled)) if labelled else None,
        )  # fmt: skip

    @classmethod
    def most(cls, films: Sequence[FilmSquares], reading: Reading | None) -> FilmSquares:
        """Return the sample of a film with the most squares, first among those read like this.

        Only one sample is used, since squares of another one may lie in the same places.
        """
        return max(films, key=lambda film: (film.reads_as(reading), len(film.squares)))

    def reads_as(self, reading: Reading | None) -> bool:
        """Return whether the film was read in this way; True if the bundle does not say."""
        return self.reading is None or reading is None or not self.reading.unlike(reading)

    def to_json(self) -> Record:
        """Return the record that a bundle stores."""
        return {
            "sample": self.sample,
            "shape": list(self.shape),
            "slices": dict(self.slices),
            "squares": [square.counts for square in self.squares],
            "parts": self.parts and list(self.parts.sums),
            "seeds": list(self.seeds),
            "reading": self.reading and self.reading.to_json(),
            "between": self.between and list(self.between),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> FilmSquares:
        """Return the test squares of a film from a record of :meth:`to_json`."""
        return typed(cls, record)

    def is_of(self, shape: Triple, slices: Mapping[int, str]) -> bool:
        """Return whether a volume is this film, by shape and digests of its slices."""
        return shape == self.shape and self.slices.items() <= slices.items()

    def interval(self, mapped: float) -> FilmInterval | None:
        """Estimate the porosity of the film; None if :meth:`unfit` gives a reason."""
        if self.unfit(mapped):
            return None
        return FilmInterval(
            difference_estimate(mapped, self.squares),
            post_stratified_estimate(mapped, self.squares),
            len(self.squares),
            float(np.mean([square.pixels for square in self.squares])),
            self.parts.sd if self.parts else None,
            labelled_over_mapped(self.squares),
        )

    def unfit(self, mapped: float) -> str | None:
        """Explain why the squares cannot correct this porosity of the film; None if they can."""
        if len(self.squares) < FEWEST_SQUARES:
            return _too_few(len(self.squares))
        if err_alike(self.squares):
            return "the map errs alike on all test squares: they show no spread to tell one from"
        if lie_apart(mapped, self.squares):
            here = pooled(self.squares).porosity
            return (
                f"the map has {100 * here:.1f} % pores on the test squares and "
                f"{100 * mapped:.1f} % in the film: they do not lie in it by chance"
            )
        return None


def _too_few(places: int) -> str:
    """Explain why so few places do not give an interval.

    >>> _too_few(1)
    'the test squares lie in 1 place, 6 are needed'
    """
    if not places:
        return f"the film has no test squares, in {FEWEST_SQUARES} places they are needed"
    lie = f"{places} place{'s' * (places > 1)}"
    return f"the test squares lie in {lie}, {FEWEST_SQUARES} are needed"
