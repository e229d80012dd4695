"""Lineage of a model and properties of its training data, neither of which segmenting needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fibsem.analysis.calibration import Calibration
from fibsem.data.dataset.learned import Edges, Learned
from fibsem.data.greys import Moments
from fibsem.data.preprocessing import Correction
from fibsem.inference.volume.porosity.tested import FilmSquares
from fibsem.system.records import Record
from fibsem.system.summaries.lineage import Lineage, WrittenLineage

V = TypeVar("V")
W = TypeVar("W")


@dataclass(frozen=True)
class Audit:
    """Where the model of a bundle comes from; bundles of earlier versions have fewer fields.

    Attributes
    ----------
    dataset, data
        Name and hash of the data that it was trained on.
    winner, run_id
        Runs of its trial and of its (first) training.
    lineage
        Data, sweep, trial and promotion, and the commands.
    calibration
        Calibration of its probabilities, with the calibration errors before and after.
    corrections, greys, moments
        For every training film: the fitted correction, the histogram of its grey values, and
        their mean and standard deviation.
    squares
        Test squares of its films.
    learned
        Squares that it was trained on, by the digest of their slice; None if they are unknown for
        it, its initial weights or its teacher.

    Examples
    --------
    >>> Audit(dataset="film", winner="5f3a").recorded_lineage.trial.run_id
    '5f3a'
    """

    dataset: str | None = None
    data: str | None = None
    winner: Any = None
    run_id: str | None = None
    lineage: WrittenLineage | None = None
    calibration: Calibration | None = None
    corrections: dict[str, Correction] | None = None
    greys: dict[str, tuple[float, ...]] | None = None
    moments: dict[str, Moments] | None = None
    squares: tuple[FilmSquares, ...] = ()
    learned: dict[str, tuple[Edges, ...]] | None = None

    @property
    def recorded_lineage(self) -> Lineage:
        """Lineage of the model, or what bundles of earlier versions recorded of it."""
        if self.lineage is not None:
            return self.lineage
        few = ("winner", "run_id", "dataset", "data")
        return Lineage.of_bundle({key: getattr(self, key) for key in few})

    def to_json(self) -> Record:
        """Return the record in ``bundle.json``, without unknown fields."""
        record = {
            "dataset": self.dataset,
            "data": self.data,
            "winner": self.winner,
            "run_id": self.run_id,
            "lineage": self.lineage and self.lineage.to_json(),
            "calibration": self.calibration and self.calibration.to_json(),
            "corrections": _converted(self.corrections, Correction.to_json),
            "greys": _converted(self.greys, list),
            "moments": _converted(self.moments, Moments.to_json),
            "squares": [film.to_json() for film in self.squares] or None,
            "learned": _converted(self.learned, list),
        }
        return {key: value for key, value in record.items() if value is not None}


def _converted(values: Mapping[str, V] | None, write: Callable[[V], W]) -> dict[str, W] | None:
    """Convert the values of a mapping by ``write``; None stays None."""
    return None if values is None else {name: write(value) for name, value in values.items()}


def places_of(learned: Learned | None) -> dict[str, tuple[Edges, ...]] | None:
    """Return the squares that a model was trained on, in the form of its audit."""
    return None if learned is None else {digest: (*edges,) for digest, edges in learned.items()}
