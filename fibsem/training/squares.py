"""Labelled squares with their confusion matrices, from which every combined figure follows.

A combined figure is computed from pooled pixels, not as a mean of squares or samples (thesis 2.2).
"""

from __future__ import annotations

from typing import Any

from fibsem.analysis.intervals import normal_interval
from fibsem.analysis.metrics import Confusion, cross_entropy, over_squares
from fibsem.analysis.postprocessing import PostProcessing, ScoredSquare
from fibsem.data.dataset import IGNORE, Region

Record = dict[str, Any]

#: Confusion matrices of a square: against the labels at T = 0.5 and at the chosen threshold, and
#: against the exact truth at the chosen one where a phantom knows it.
HALF, CHOSEN, TRUTH = "half", "chosen", "truth"


def square_row(region: Region, square: ScoredSquare, chosen: PostProcessing) -> Record:
    """Confusion matrices of a labelled square, and the loss of its scores."""
    known = square.labels != IGNORE
    loss = None
    if known.any():
        loss = cross_entropy(square.labels[known], square.scores[square.inner][known])
    row: Record = {
        "split": region.split,
        "sample": region.sample,
        "region": region.name,
        "at": list(region.box.start),
        "loss": loss,
        HALF: square.confusion(PostProcessing()).counts,
        CHOSEN: square.confusion(chosen).counts,
    }
    if region.read_truth is not None:
        exact = ScoredSquare(square.scores, region.read_truth(), square.inner)
        row[TRUTH] = exact.confusion(chosen).counts
    return row


def confusions(run: Record, split: str, kind: str, sample: str | None = None) -> list[Confusion]:
    """Confusion matrices of the squares of a run, in order."""
    return [
        Confusion.from_counts(row[kind])
        for row in run["squares"]
        if row["split"] == split and kind in row and sample in (None, row["sample"])
    ]


def labelled_figures(
    run: Record, split: str, kind: str, sample: str | None = None
) -> dict[str, float]:
    """Figures over all labelled pixels of a split, pooled over squares, of one sample or of all.

    The interval of porosity is over squares (thesis 3.9); the loss is that of the scores, whatever
    the post-processing.
    """
    parts = confusions(run, split, kind, sample)
    low, high = normal_interval([part.porosity for part in parts])
    rows = [
        row for row in run["squares"] if row["split"] == split and sample in (None, row["sample"])
    ]
    losses = [(row["loss"], sum(map(sum, row[HALF]))) for row in rows if row["loss"] is not None]
    loss = sum(loss * n for loss, n in losses) / max(1, sum(n for _, n in losses))
    return {**over_squares(parts), "loss": loss, "porosity_low": low, "porosity_high": high}
