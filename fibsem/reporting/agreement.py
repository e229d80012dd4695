"""Agreement of annotators on the same squares, the best that a network can be asked for.

It is reported beside the intervals of porosity and not included in them, because an annotator with
a bias has it in every square.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

import numpy as np

from fibsem.analysis.metrics import Confusion, pooled
from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region
from fibsem.data.doubts.repeated import of_two_people
from fibsem.geometry import Box
from fibsem.system.summaries.figures import Agreement


def agreement(regions: Iterable[Region]) -> Agreement | None:
    """Return the agreement over squares labelled by several people, or None if there are none."""
    places: dict[Box, list[Region]] = defaultdict(list)
    for region in regions:
        places[region.box].append(region)
    by_place = [
        [pair for pair in combinations(drawn, 2) if of_two_people(*pair)]
        for drawn in places.values()
    ]
    several = [pairs for pairs in by_place if pairs]
    pairs = [_compared(*pair) for pairs in several for pair in pairs]
    compared = [confusion for confusion in pairs if confusion.pixels]
    if not compared:
        return None
    return Agreement(
        annotators=tuple(
            sorted({mask.annotator for pairs in several for pair in pairs for mask in pair})
        ),
        squares=len(several),
        miou=pooled(compared).miou,
        porosity_difference=float(
            np.mean([abs(confusion.porosity - confusion.label_porosity) for confusion in compared])
        ),
    )


def agreement_text(agreement: Agreement) -> str:
    """Describe the agreement in one line.

    >>> agreement_text(Agreement(("A", "B"), squares=4, miou=0.913, porosity_difference=0.021))
    'squares labelled by several (A, B): 4, mIoU 0.913 between them, porosity 2.1 points apart'
    """
    return (
        f"squares labelled by several ({', '.join(agreement.annotators)}): {agreement.squares}, "
        f"mIoU {agreement.miou:.3f} between them, porosity "
        f"{100 * agreement.porosity_difference:.1f} points apart"
    )


def _compared(one: Region, other: Region) -> Confusion:
    """Return the confusion matrix of two masks of one square, over pixels labelled in both."""
    first, second = one.read(), other.read()
    return Confusion.of(np.where(second == IGNORE, second, first), second == 1)
