"""Squares whose labels go with the grey values otherwise than those of the other squares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.samples import Region, Sample
from fibsem.errors import UserError

#: Squares, and pixels of each class in a square, without which nothing is said.
FEWEST, PIXELS = 6, 30
#: How far from chance, 0.5, the usual share must be, which part of that a square must have, and by
#: how many robust s.d. it is below the usual one.
TOLD, PART, FAR = 0.1, 0.3, 5.0
#: Squares that are named, and looked at.
NAMED, MOST = 4, 400


def share_above(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """How often a value of one is above a value of the other; equal ones count half.

    Mann and Whitney's U by pairs; ``scipy.stats`` would take half a second to load.

    >>> share_above(np.array([2, 3]), np.array([1, 2]))
    0.875
    """
    values, counts = np.unique(one, return_counts=True)  # of 65536 grey values there may be 256
    ranked = np.sort(other)
    below = np.searchsorted(ranked, values, "left") + np.searchsorted(ranked, values, "right")
    return float(below @ counts / one.size / (2 * other.size))


def strangers(sample: Sample) -> Iterator[str]:
    """Say which squares look inverted or misplaced beside the others of their sample."""
    shares = {
        region.name: share
        for region in sample.labelled[:: -(-len(sample.labelled) // MOST) or 1]
        if (share := _share(sample, region)) is not None
    }
    odd = _odd(list(shares.values()))
    if any(odd):
        strange = [name for name, is_odd in zip(shares, odd, strict=True) if is_odd]
        some = ", ".join(f"{name} ({100 * shares[name]:.0f} %)" for name in strange[:NAMED])
        more = f" and {len(strange) - NAMED} more" if len(strange) > NAMED else ""
        yield (
            f"{sample.name}: the solid is brighter than the pores of its square by "
            f"{100 * np.median(list(shares.values())):.0f} % in most, but not in {some}{more}: are "
            "they inverted, or do they lie elsewhere?"
        )


def _share(sample: Sample, region: Region) -> float | None:
    """How often the solid of a square is brighter than its pores; None where one is too small."""
    labels = region.read()
    if min(np.count_nonzero(labels == 0), np.count_nonzero(labels == 1)) < PIXELS:
        return None
    try:
        grey = sample.volume.read(region.box)[0]
    except UserError:  # that it cannot be read is said elsewhere
        return None
    return share_above(grey[labels == 1], grey[labels == 0])


def _odd(shares: Sequence[float]) -> list[bool]:
    if len(shares) < FEWEST:
        return [False] * len(shares)
    usual = float(np.median(shares)) - 0.5
    spread = 1.4826 * float(np.median(np.abs(np.array(shares) - 0.5 - usual)))
    part = [(share - 0.5) / usual if abs(usual) >= TOLD else 1.0 for share in shares]
    return [one < PART and (1 - one) * abs(usual) > FAR * spread for one in part]
