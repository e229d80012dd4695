"""The porosity that labels tell of a sample, whatever the sizes of its regions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fibsem.analysis.intervals import normal_interval
from fibsem.data.labels import IGNORE, LabelArray
from fibsem.data.samples import Region
from fibsem.geometry import Box


@dataclass(frozen=True)
class LabelPorosity:
    """Share of pores in what is labelled, and its 95 % interval over places; None where unknown."""

    porosity: float | None
    interval: tuple[float, float] | None


def label_porosity(regions: Iterable[Region]) -> LabelPorosity:
    """Pool the labelled pixels of a sample; a place that several labelled counts once.

    Such a place has the means over its masks. Strips at the border of a film say as much as their
    pixels do, and so does a square that is labelled in a corner.
    """
    places: dict[Box, list[tuple[int, int]]] = defaultdict(list)
    for region in regions:
        places[region.box].append(_counted(region.read()))
    means = [np.mean(masks, axis=0) for masks in places.values()]
    shares, labelled = [p / n for p, n in means if n], [n for _, n in means if n]
    if not labelled:
        return LabelPorosity(None, None)
    pooled = float(np.average(shares, weights=labelled))
    several = len(labelled) > 1
    return LabelPorosity(pooled, normal_interval(shares, labelled) if several else None)


def _counted(labels: LabelArray) -> tuple[int, int]:
    """Pixels labelled as pore, and all that are labelled."""
    return int(np.count_nonzero(labels == 0)), int(np.count_nonzero(labels != IGNORE))
