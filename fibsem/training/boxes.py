"""Scores of a box of one slice and its surroundings, for boxes of any size."""

from __future__ import annotations

import numpy as np

from fibsem.analysis.postprocessing import FloatArray
from fibsem.data.corrected import CorrectedVolume
from fibsem.geometry import Box
from fibsem.inference.model.predict import BlockScorer
from fibsem.inference.model.segmenter import Scorer
from fibsem.system.pulse import step

#: Side of a tile in pixels, a multiple of every alignment: its feature maps take 100 to 500 MB.
TILE = 512


def box_scores(
    inner: Box, scorer: BlockScorer | Scorer, volume: CorrectedVolume, margin: int = 0
) -> tuple[FloatArray, tuple[slice, slice]]:
    """Score a box of one slice, grown by ``margin`` pixels and clipped to the volume.

    Returns
    -------
    scores : ndarray, float32
        Probabilities of solid, (h + margins, w + margins).
    inner : tuple of slice
        Position of the box within ``scores``, (y, x).
    """
    box = inner.grow((0, margin, margin)).clip(volume.shape)
    if scorer.needs_slice:
        scorer.look(volume.slice(box.start[0]))
    return _scores(scorer, volume, box), within(inner, box)


def _scores(scorer: BlockScorer | Scorer, volume: CorrectedVolume, box: Box) -> FloatArray:
    """Score a box of one slice tile by tile, because a label may be as large as the slice.

    Tiles start at multiples of the alignment, so that pooling falls as in the whole slice.
    """
    aligned = box.aligned(scorer.alignment)
    scores = np.empty(aligned.shape[1:], np.float32)
    for tile in aligned.tiles((1, TILE, TILE)):
        scores[within(tile, aligned)] = scorer(volume.block(tile, scorer.halo))
        step()
    return scores[within(box, aligned)]


def within(inner: Box, outer: Box) -> tuple[slice, slice]:
    """Return the slices that cut one box out of an array of another, (y, x)."""
    start = [a - b for a, b in zip(inner.start, outer.start, strict=True)]
    return (
        slice(start[1], start[1] + inner.shape[1]),
        slice(start[2], start[2] + inner.shape[2]),
    )
