"""Confusion matrices of labelled squares, from which all combined metrics are computed.

Combined metrics are computed from pooled pixels, not as means over squares or samples (thesis 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fibsem.analysis.calibration import Platt
from fibsem.analysis.metrics import Confusion, Counted, cross_entropy, over_squares, pooled
from fibsem.analysis.over_places import interval_by_pixels
from fibsem.analysis.postprocessing import PostProcessing, ScoredSquare
from fibsem.analysis.postprocessing.steps import smooth
from fibsem.analysis.structure.parts import PartErrors, WrittenParts
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.geometry import Triple
from fibsem.places import Spot, by_place
from fibsem.system.records import Record, Stored, as_record
from fibsem.system.summaries.promotion import SquareRow

#: Confusion matrices of a square: against the labels at T = 0.5 and at the chosen threshold, and
#: against the exact truth of a phantom at the chosen threshold.
HALF, CHOSEN, TRUTH = "half", "chosen", "truth"


@dataclass(frozen=True)
class SquareCounts(Stored):
    """Results of a model on one labelled square.

    Attributes
    ----------
    split, sample, region, at
        Split, sample and name of the square, and its first voxel, (z, y, x).
    size
        Height and width in pixels; None in records of earlier versions.
    loss
        Cross-entropy of the scores, or None if nothing is labelled.
    half, chosen, truth
        Confusion matrices :data:`HALF`, :data:`CHOSEN` and :data:`TRUTH`; ``truth`` is None without
        an exact truth.
    parts
        Errors of calibrated probabilities in small parts of the square, or None before calibration.
    """

    split: str
    sample: str
    region: str
    at: Triple
    loss: float | None
    half: Counted
    chosen: Counted
    truth: Counted | None = None
    parts: WrittenParts | None = None
    size: tuple[int, int] | None = None

    @property
    def key(self) -> tuple[str, str, Triple]:
        """Sample, name and first voxel, which identify the square in records of all versions."""
        return self.sample, self.region, self.at

    @property
    def spot(self) -> Spot:
        """Position of the square."""
        return Spot(self.sample, self.at, self.size)

    def is_of(self, split: str, sample: str | None = None) -> bool:
        """Whether the square belongs to a split, and to ``sample`` unless that is None."""
        return self.split == split and sample in (None, self.sample)

    def confusion(self, kind: str) -> Confusion | None:
        """Return the confusion matrix of a kind, or None for an unknown truth."""
        return {HALF: self.half, CHOSEN: self.chosen, TRUTH: self.truth}[kind]

    @property
    def row(self) -> SquareRow:
        """The square as a row of numbers, for tables and storage."""
        return SquareRow(
            split=self.split,
            sample=self.sample,
            region=self.region,
            at=self.at,
            loss=self.loss,
            size=self.size or None,
            parts=self.parts.sums if self.parts else None,
            half=self.half.counts,
            chosen=self.chosen.counts,
            truth=self.truth.counts if self.truth else None,
        )

    def to_json(self) -> Record:
        """Return the record for storage, without a key for an unknown truth."""
        record: Record = as_record(self.row)
        return record


def square_counts(
    region: Region, square: ScoredSquare, chosen: PostProcessing, platt: Platt | None = None
) -> SquareCounts:
    """Compute the confusion matrices of a labelled square and the loss of its scores.

    If the calibration ``platt`` is given, also the errors of its small parts.
    """
    labelled = square.labels != IGNORE
    loss = None
    if labelled.any():
        loss = cross_entropy(square.labels[labelled], square.scores[square.inner][labelled])
    truth = None
    if region.read_truth is not None:
        exact = ScoredSquare(square.scores, region.read_truth(), square.inner)
        truth = exact.confusion(chosen)
    return SquareCounts(
        region.split, region.sample, region.name, region.box.start, loss,
        square.confusion(PostProcessing()), square.confusion(chosen), truth,
        part_errors(square, platt) if platt else None, region.box.shape[1:],
    )  # fmt: skip


def part_errors(square: ScoredSquare, platt: Platt) -> PartErrors:
    """Compute the errors of calibrated pore probabilities in small parts of a labelled square."""
    solid = platt.line(smooth(square.scores, platt.smoothed_px)[square.inner])
    return PartErrors.of(square.labels == 0, 1 - solid, square.labels != IGNORE)


def confusions(
    squares: Iterable[SquareCounts], split: str, kind: str, sample: str | None = None
) -> list[Confusion]:
    """Return the known confusion matrices of the squares of a split, in order."""
    matrices = (square.confusion(kind) for square in squares if square.is_of(split, sample))
    return [confusion for confusion in matrices if confusion is not None]


def labelled_figures(
    squares: Iterable[SquareCounts], split: str, kind: str, sample: str | None = None
) -> dict[str, float]:
    """Return metrics over all labelled pixels of a split, pooled over squares.

    ``sample`` restricts them to one sample.

    The porosity interval is over squares (thesis 3.9) by Student's t, weighted by their pixels;
    squares of one place count once. The loss is that of the scores before post-processing.
    """
    chosen = [square for square in squares if square.is_of(split, sample)]
    parts = confusions(chosen, split, kind)
    matrices = ((square.spot, square.confusion(kind)) for square in chosen)
    places = by_place((spot, counts) for spot, counts in matrices if counts is not None)
    low, high = interval_by_pixels([pooled(confusions) for confusions in places.values()])
    losses = [(square.loss, square.half.pixels) for square in chosen if square.loss is not None]
    loss = sum(loss * n for loss, n in losses) / max(1, sum(n for _, n in losses))
    return {**over_squares(parts), "loss": loss, "porosity_low": low, "porosity_high": high}
