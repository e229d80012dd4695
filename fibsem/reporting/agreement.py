"""How far people agree who labelled the same squares: what no network can be held to.

It stands beside the intervals of porosity and is added to none: who errs to one side does so in
every square.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np

from fibsem.analysis.metrics import Confusion, pooled
from fibsem.data.labels import IGNORE
from fibsem.data.samples import Region
from fibsem.geometry import Box


def agreement(regions: Iterable[Region]) -> dict[str, Any] | None:
    """Agreement over squares that several people labelled; None where there are none.

    Returns
    -------
    dict
        ``squares`` that several labelled, the ``annotators`` who did, ``miou`` between any two of
        them over pooled pixels, and ``porosity_difference``, the mean over pairs of masks of how
        far their porosities are apart.
    """
    places: dict[Box, list[Region]] = defaultdict(list)
    for region in regions:
        places[region.box].append(region)
    several = [drawn for drawn in places.values() if len({one.annotator for one in drawn}) > 1]
    pairs = [_compared(*pair) for drawn in several for pair in combinations(drawn, 2)]
    compared = [one for one in pairs if one.pixels]
    if not compared:
        return None
    return {
        "squares": len(several),
        "annotators": sorted({one.annotator for drawn in several for one in drawn}),
        "miou": pooled(compared).miou,
        "porosity_difference": float(
            np.mean([abs(one.porosity - one.label_porosity) for one in compared])
        ),
    }


def agreement_text(both: dict[str, Any]) -> str:
    """Agreement in a line.

    >>> both = {"squares": 4, "annotators": ["A", "B"], "miou": 0.913, "porosity_difference": 0.021}
    >>> agreement_text(both)
    'squares labelled by several (A, B): 4, mIoU 0.913 between them, porosity 2.1 points apart'
    """
    return (
        f"squares labelled by several ({', '.join(both['annotators'])}): {both['squares']}, "
        f"mIoU {both['miou']:.3f} between them, porosity {100 * both['porosity_difference']:.1f} "
        "points apart"
    )


def _compared(one: Region, other: Region) -> Confusion:
    """Two masks of one place, where both say something."""
    first, second = one.read(), other.read()
    return Confusion.of(np.where(second == IGNORE, second, first), second == 1)
