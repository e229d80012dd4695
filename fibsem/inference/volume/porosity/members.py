"""Porosity of a volume by each member of an ensemble alone.

It shows the difference between trainings. It does not enter the interval of the porosity, since
all members may err to one side, which only labelled squares can show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from fibsem.analysis.postprocessing import segment_slice
from fibsem.inference.model.segmenter import FloatArray, Scorer
from fibsem.inference.volume.boxes import random_boxes
from fibsem.inference.volume.ledger.decisions import Moved
from fibsem.inference.volume.plan import ScorerOf
from fibsem.inference.volume.work import Work
from fibsem.system.summaries.porosity import Members

#: Most places at which members are scored one by one, and their sides in pixels.
MOST_PLACES, SIDE = 16, 256
#: Largest share of the volume in these places, apart from a minimum of two places.
SHARE = 0.05
#: Distance of the ensemble's porosity from the range of its members' above which there is a
#: warning: largest value, value as a share of the rarer class, and smallest value.
OUTSIDE, APART, LEAST = 0.05, 0.5, 0.001


def porosity_by_member(
    work: Work, scorer_of: ScorerOf, mapped: float, missing: Collection[int]
) -> Members | None:
    """Estimate the porosity of the whole volume by each member alone, from some places.

    Parameters
    ----------
    work, scorer_of
        The segmentation, and its scorers.
    mapped
        Porosity of the volume by all members together.
    missing
        Missing slices.

    Returns
    -------
    Members or None
        Porosity by all members, plus the difference of each member on the places. None for a single
        model, or if there is no material at the places.
    """
    if len(work.segmenter.members) < 2:
        return None
    alone = work.ledger.decided.members
    if alone is None:
        alone = _asked(work, scorer_of(work.plan.precision), missing)
        work.ledger.decide(members=alone)
    if not alone.pixels:
        return None
    porosities = tuple(min(1.0, max(0.0, mapped + moved)) for moved in alone.moved)
    return Members(porosities, float(np.std(porosities, ddof=1)), alone.pixels)


def contradicting(mapped: float, members: Members | None) -> Iterator[str]:
    """Warn if all members together find a porosity far from what any of them finds alone.

    Normally it lies between theirs. If it does not, some take for pores what others take for solid,
    as models of films of opposite contrast do, and the common threshold decides.

    >>> list(contradicting(0.35, Members((0.34, 0.37))))
    []
    >>> list(contradicting(0.0, Members((0.38, 0.55))))[0][:68]
    'the models together find 0.00 % pores, and each of them alone 38.00 '
    """
    if members is None:
        return
    low, high = min(members.each), max(members.each)
    nearest = min(max(mapped, low), high)
    far = max(LEAST, min(OUTSIDE, APART * min(nearest, 1 - nearest)))
    if abs(nearest - mapped) > far:
        yield (
            f"the models together find {100 * mapped:.2f} % pores, and each of them alone "
            f"{100 * low:.2f} to {100 * high:.2f} %: they contradict each other, as models of "
            "films of opposite contrast do; look at the previews, and at each alone"
        )


def _asked(work: Work, scorer: Scorer, missing: Collection[int]) -> Moved:
    """Measure on some places how the porosity by each member differs from that by all together."""
    volume, extent = work.corrected, work.plan.extent
    count = int(SHARE * np.prod(volume.shape) / SIDE**2)
    pixels, moved = 0, np.zeros(len(scorer.members))
    for box in random_boxes(volume.shape, SIDE, min(MOST_PLACES, max(2, count)), seed=0):
        z = box.start[0]
        if z in missing or extent.is_blank(z):
            continue
        if scorer.needs_slice:
            scorer.look(volume.slice(z))
        scores = scorer.each(volume.block(box, scorer.halo))
        material = extent.inside(z)
        inside = np.ones(scores[0].shape, bool) if material is None else material[box.slices[1:]]
        together: FloatArray = np.mean(scores, axis=0, dtype=np.float32)
        pores = [
            np.count_nonzero(inside & (segment_slice(scored, work.segmenter.postprocessing) == 0))
            for scored in (together, *scores)
        ]
        moved += np.subtract(pores[1:], pores[0])
        pixels += int(np.count_nonzero(inside))
    return Moved(tuple((moved / pixels).tolist()), pixels) if pixels else Moved((), 0)
