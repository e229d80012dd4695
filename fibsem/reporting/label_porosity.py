"""Porosity of the labels of a sample, with regions of any size."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fibsem.analysis.over_places import share_interval
from fibsem.data.dataset.labels import IGNORE, LabelArray
from fibsem.data.dataset.samples import Region
from fibsem.geometry import Box
from fibsem.places import Spot, by_place


@dataclass(frozen=True)
class LabelPorosity:
    """Share of pores among labelled pixels, with its 95 % interval over places; None if unknown.

    There is no interval for a single place, or if all places have the same porosity, as with labels
    of one class. ``places`` counts those with a labelled pixel; squares above each other share one.
    """

    porosity: float | None
    interval: tuple[float, float] | None
    places: int = 0


def label_porosity(regions: Iterable[Region]) -> LabelPorosity:
    """Pool the labelled pixels of a sample; squares labelled by several people count once.

    The counts of such a square are means over its masks. The interval is over places, by Student's
    t: squares above each other, in neighbouring slices, show nearly the same pores and form one
    place. Places are weighted by their labelled pixels, including strips at the border of a film
    and squares labelled only in a corner.
    """
    squares: dict[tuple[str, Box], list[tuple[int, int]]] = defaultdict(list)
    for region in regions:
        squares[region.sample, region.box].append(_counted(region.read()))
    places = by_place(
        (Spot.of(sample, box), np.mean(masks, axis=0)) for (sample, box), masks in squares.items()
    )
    sums = [np.sum(counts, axis=0) for counts in places.values()]
    shares, labelled = [p / n for p, n in sums if n], [n for _, n in sums if n]
    if not labelled:
        return LabelPorosity(None, None)
    pooled = float(np.average(shares, weights=labelled))
    low, high = share_interval(shares, labelled)
    return LabelPorosity(pooled, None if math.isnan(low) else (low, high), len(labelled))


def _counted(labels: LabelArray) -> tuple[int, int]:
    """Count the pixels labelled as pore, and all labelled pixels."""
    return int(np.count_nonzero(labels == 0)), int(np.count_nonzero(labels != IGNORE))
