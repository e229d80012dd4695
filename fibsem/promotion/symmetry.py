"""Measure gain and cost of averaging mirrored and turned views.

The gain is measured on the sampled pieces of the validation part, so that it takes seconds. The
test squares are scored once, by the model without views.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fibsem.analysis.intervals import with_interval
from fibsem.analysis.metrics import Confusion, pooled
from fibsem.analysis.statistics import paired_over_squares
from fibsem.data.pieces import Pieces
from fibsem.inference.model.cost import seconds_per_gigapixel
from fibsem.inference.model.segmenter import Scorer, Segmenter
from fibsem.inference.model.views import SYMMETRIES
from fibsem.promotion.options import segmentation_of
from fibsem.promotion.setting import Promotion
from fibsem.system.records import Figure, Stored
from fibsem.training.material.material import Material
from fibsem.training.scoring.scoring import scored_squares

GainRow = dict[str, Figure]


@dataclass(frozen=True)
class Symmetries(Stored):
    """Figures by the number of views: 1 (the model alone), 2, and up to the requested number.

    ``val_miou`` is the mIoU of all labelled validation pixels, estimated from the pieces, with
    post-processing. ``gain`` is the mean increase of the mIoU by views over ``squares``, with a
    95 % interval from ``low`` to ``high``, which needs more than one square. Squares above each
    other in different slices count as one. Models without a dense form have no figures.
    """

    views: Mapping[str, GainRow]

    @property
    def sentence(self) -> str:
        """Gain and cost in a sentence."""
        rows = (
            f"symmetry={views} adds {with_interval(row['gain'], (row['low'], row['high']), 4)} at "
            f"{row['seconds_per_gigapixel']:.0f} s"
            for views, row in self.views.items()
            if "gain" in row
        )
        alone = self.views["1"]
        return (
            f"views: validation mIoU {alone['val_miou']:.4f} at "
            f"{alone['seconds_per_gigapixel']:.0f} s per gigapixel; {'; '.join(rows)}"
        )


def measure_views(
    promotion: Promotion, segmenter: Segmenter, material: Material
) -> Mapping[str, GainRow]:
    """Measure gain and cost of two views, and of the number that volumes are segmented with."""
    most = max(2, segmentation_of(promotion.configuration).symmetry)
    symmetries = promotion.finished.once(
        f"symmetry-{most}", Symmetries, lambda: compare_views(segmenter, material, most)
    )
    if symmetries.views:
        promotion.say(symmetries.sentence)
    return symmetries.views


def compare_views(segmenter: Segmenter, material: Material, most: int) -> Symmetries:
    """Score the pieces of the validation part with 1, 2 and up to ``most`` views."""
    if Scorer(segmenter).mode != "dense":
        return Symmetries({})
    pieces, rows = material.pieces("val"), {}
    alone: dict[int, float] = {}
    for count in (symmetry for symmetry in SYMMETRIES if symmetry <= most):
        scorer = Scorer(replace(segmenter, symmetry=count))
        parts = _confusions(segmenter, scorer, material, pieces)
        mious = _by_square(pieces, parts)
        rows[str(count)] = {
            "val_miou": _miou_of_all(pieces, parts),
            "seconds_per_gigapixel": seconds_per_gigapixel(scorer),
        }
        if count > 1:
            rows[str(count)] |= _gain(mious, alone)
        else:
            alone = mious
    return Symmetries(rows)


def _confusions(
    segmenter: Segmenter, scorer: Scorer, material: Material, pieces: Pieces
) -> list[Confusion]:
    postprocessing = segmenter.postprocessing
    scored = scored_squares(material, scorer, "val", postprocessing.margin, regions=pieces.regions)
    return [square.confusion(postprocessing) for _, square in scored]


def _miou_of_all(pieces: Pieces, parts: list[Confusion]) -> float:
    """Estimate the mIoU of a split, with pieces weighted by the pixels they represent."""
    counts = np.tensordot(pieces.weight, np.array([confusion.counts for confusion in parts]), 1)
    return Confusion.from_counts(np.rint(counts).astype(int).tolist()).miou


def _by_square(pieces: Pieces, parts: list[Confusion]) -> dict[int, float]:
    """Return the mIoU of every square with pieces and a labelled pixel, by its number."""
    numbers = np.unique(pieces.square).tolist()
    pools = {n: pooled(parts[k] for k in np.flatnonzero(pieces.square == n)) for n in numbers}
    return {n: pool.miou_of_labelled for n, pool in pools.items() if pool.pixels}


def _gain(mious: Mapping[int, float], alone: Mapping[int, float]) -> GainRow:
    paired = paired_over_squares(list(mious.values()), list(alone.values()))
    return {"gain": paired.mean, "low": paired.low, "high": paired.high, "squares": paired.pairs}
