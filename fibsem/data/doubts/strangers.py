"""Warn about squares whose labels relate to the grey values unlike those of other squares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.samples import Region, Sample
from fibsem.errors import UserError

#: Minimum number of squares, and of pixels of each class in a square.
FEWEST, PIXELS = 6, 30
#: Minimum distance of the usual share from chance (0.5), fraction of this distance below which a
#: square is odd, and minimum number of robust standard deviations below the usual share.
TOLD, PART, FAR = 0.1, 0.3, 5.0
#: Number of squares that are named, and that are examined.
NAMED, MOST = 4, 400


def share_above(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Probability that a value of ``one`` is above a value of ``other``; ties count half.

    Mann and Whitney's U by pairs; ``scipy.stats`` would take half a second to load.

    >>> share_above(np.array([2, 3]), np.array([1, 2]))
    0.875
    """
    values, counts = np.unique(one, return_counts=True)  # 65536 pixels may have 256 values
    ranked = np.sort(other)
    below = np.searchsorted(ranked, values, "left") + np.searchsorted(ranked, values, "right")
    return float(below @ counts / one.size / (2 * other.size))


def strangers(sample: Sample) -> Iterator[str]:
    """Yield a message for squares that look inverted or misplaced among all squares of a film."""
    shares = {
        region.name: share
        for region in sample.labelled[:: -(-len(sample.labelled) // MOST) or 1]
        if (share := _share(sample, region)) is not None
    }
    odd = _odd(list(shares.values()))
    if any(odd):
        strange = [name for name, is_odd in zip(shares, odd, strict=True) if is_odd]
        named = ", ".join(f"{name} ({100 * shares[name]:.0f} %)" for name in strange[:NAMED])
        more = f" and {len(strange) - NAMED} more" if len(strange) > NAMED else ""
        yield (
            f"{sample.name}: the solid is brighter than the pores of its square by "
            f"{100 * np.median(list(shares.values())):.0f} % in most, but not in {named}{more}: "
            "are they inverted, or do they lie elsewhere?"
        )


def _share(sample: Sample, region: Region) -> float | None:
    """Share of solid brighter than the pores of a square, or None if it cannot be computed."""
    labels = region.read()
    if min(np.count_nonzero(labels == 0), np.count_nonzero(labels == 1)) < PIXELS:
        return None
    try:
        grey = sample.volume.read(region.box)[0]
    except UserError:  # unreadable slices are reported elsewhere
        return None
    return share_above(grey[labels == 1], grey[labels == 0])


def _odd(shares: Sequence[float]) -> list[bool]:
    if len(shares) < FEWEST:
        return [False] * len(shares)
    usual = float(np.median(shares)) - 0.5
    spread = 1.4826 * float(np.median(np.abs(np.array(shares) - 0.5 - usual)))
    relative = [(share - 0.5) / usual if abs(usual) >= TOLD else 1.0 for share in shares]
    return [share < PART and (1 - share) * abs(usual) > FAR * spread for share in relative]
