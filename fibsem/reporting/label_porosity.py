"""The porosity that labels tell of a sample, whatever the sizes of its regions."""

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
    """Share of pores in what is labelled, and its 95 % interval over places; None where unknown.

    One place has no interval, nor have places that are all as porous, as those of one class are.
    ``places`` are those with a labelled pixel: squares above each other are one.
    """

    porosity: float | None
    interval: tuple[float, float] | None
    places: int = 0


def label_porosity(regions: Iterable[Region]) -> LabelPorosity:
    """Pool the labelled pixels of a sample; a square that several labelled counts once.

    Such a square has the means over its masks. The interval is over places, by Student's t: squares
    above each other, in neighbouring slices, show nearly the same pores and are one. Strips at the
    border of a film say as much as their pixels do, and so does a square that is labelled in a
    corner.
    """
    squares: dict[tuple[str, Box], list[tuple[int, int]]] = defaultdict(list)
    for region in regions:
        squares[region.sample, region.box].append(_counted(region.read()))
    places = by_place(
        (Spot.of(sample, box), np.mean(masks, axis=0)) for (sample, box), masks in squares.items()
    )
    sums = [np.sum(some, axis=0) for some in places.values()]
    shares, labelled = [p / n for p, n in sums if n], [n for _, n in sums if n]
    if not labelled:
        return LabelPorosity(None, None)
    pooled = float(np.average(shares, weights=labelled))
    low, high = share_interval(shares, labelled)
    return LabelPorosity(pooled, None if math.isnan(low) else (low, high), len(labelled))


def _counted(labels: LabelArray) -> tuple[int, int]:
    """Pixels labelled as pore, and all that are labelled."""
    return int(np.count_nonzero(labels == 0)), int(np.count_nonzero(labels != IGNORE))
