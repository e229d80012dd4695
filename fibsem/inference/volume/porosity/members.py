"""Porosity of a volume by each member of an ensemble alone: how far a training moves it.

It stands beside the interval of the porosity and is added to nothing: members may all err to one
side, which labelled squares tell and other members do not.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from fibsem.analysis.postprocessing import segment_slice
from fibsem.inference.model.segmenter import FloatArray, Scorer
from fibsem.inference.volume.ledger.decisions import Moved
from fibsem.inference.volume.places import block_of, random_places
from fibsem.inference.volume.plan import ScorerOf
from fibsem.inference.volume.work import Work
from fibsem.system.summaries.porosity import Members

#: Places at which the members are asked one by one, at most; their sides in pixels.
MOST_PLACES, SIDE = 16, 256
#: Share of the volume that they may take, where that is two places at least.
SHARE = 0.05


def porosity_by_member(
    work: Work, scorer_of: ScorerOf, mapped: float, missing: Collection[int]
) -> Members | None:
    """Porosity of the whole volume as each member alone would map it; asked once.

    Parameters
    ----------
    work, scorer_of
        A segmentation, and by what it is scored.
    mapped
        Porosity of the map of all members together.
    missing
        Slices that are not there, whoever found that.

    Returns
    -------
    Members or None
        What the members together found, plus what one alone finds more on some places. None for a
        single model, and where there is no material at the places.
    """
    if len(work.segmenter.members) < 2:
        return None
    alone = work.ledger.decided.members
    if alone is None:
        alone = _asked(work, scorer_of(work.plan.precision), missing)
        work.ledger.decide(members=alone)
    if not alone.pixels:
        return None
    each = tuple(min(1.0, max(0.0, mapped + moved)) for moved in alone.moved)
    return Members(each, float(np.std(each, ddof=1)), alone.pixels)


def _asked(work: Work, scorer: Scorer, missing: Collection[int]) -> Moved:
    """How far each member alone moves the porosity of some places."""
    volume, extent = work.corrected, work.plan.extent
    count = int(SHARE * np.prod(volume.shape) / SIDE**2)
    pixels, moved = 0, np.zeros(len(scorer.members))
    for place in random_places(volume.shape, SIDE, min(MOST_PLACES, max(2, count)), seed=0):
        z = place.start[0]
        if z in missing or extent.is_blank(z):
            continue
        if scorer.needs_slice:
            scorer.look(volume.slice(z))
        scores = scorer.each(block_of(volume, place, scorer.halo))
        material = extent.inside(z)
        inside = np.ones(scores[0].shape, bool) if material is None else material[place.slices[1:]]
        together: FloatArray = np.mean(scores, axis=0, dtype=np.float32)
        pores = [
            np.count_nonzero(inside & (segment_slice(one, work.segmenter.postprocessing) == 0))
            for one in (together, *scores)
        ]
        moved += np.subtract(pores[1:], pores[0])
        pixels += int(np.count_nonzero(inside))
    return Moved(tuple((moved / pixels).tolist()), pixels) if pixels else Moved((), 0)
