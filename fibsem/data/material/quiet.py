"""Borders that show little beside the film: fill with noise of its own, a cap, a substrate.

Such a border has no value of its own by which it would be left out, and may be material.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.parts import SIDES, Side, from_top
from fibsem.system.advice import VALID

#: Share of the usual spread along a line below which a line along the side shows little, and from
#: which it shows the film again; lines in between, where the edge is.
LITTLE, AGAIN, EDGE = 0.5, 0.75, 2
#: Lines, and share of all of them, that a border has at least and at most.
LEAST, MOST = 2, 0.45
#: Share of the slices that must have one.
SLICES = 0.1


def quiet_depth(some: npt.NDArray[Any], side: Side) -> float:
    """Share of a slice that shows little from a side on, up to a straight edge; 0 where none does.

    Parameters
    ----------
    some : (y, x)
        Pixels that stand for all of the slice.
    side
        From which on.

    Examples
    --------
    >>> film = np.random.default_rng(0).normal(100, 20, (100, 100))
    >>> film[:12] = np.random.default_rng(1).normal(0, 3, (12, 100))
    >>> quiet_depth(film, "top"), quiet_depth(film, "left")
    (0.12, 0.0)
    """
    spread = from_top(some, side).astype(np.float32).std(axis=1)
    usual = float(np.median(spread[len(spread) // 4 : -(len(spread) // 4) or None]))
    shows = spread >= LITTLE * usual
    depth = int(shows.argmax()) if shows.any() else len(spread)
    if not LEAST <= depth <= MOST * len(spread):
        return 0.0
    beyond = spread[depth + EDGE : 2 * depth + EDGE]
    return depth / len(spread) if np.median(beyond) >= AGAIN * usual else 0.0


def quiet_sides(
    slices: Iterable[npt.NDArray[Any]], explained: Mapping[Side, bool], sizes: Mapping[Side, int]
) -> Iterator[str]:
    """Say which sides of a film show little in some of its slices.

    Parameters
    ----------
    slices : (y, x) each
        Pixels that stand for all of each.
    explained
        Sides at which something was left out, of which this would say it again.
    sizes
        Pixels of the film away from each side.
    """
    kept = list(slices)
    for side in SIDES:
        depths = [] if explained[side] else [quiet_depth(some, side) for some in kept]
        quiet = [depth for depth in depths if depth]
        if len(quiet) > SLICES * len(kept):
            yield (
                f"{len(quiet)} of {len(kept)} slices show little along their {side} border, "
                f"{np.mean(quiet) * sizes[side]:.0f} pixels deep, as fill with noise, a cap or a "
                f"substrate: it is measured as material; {VALID.at('MASK')} leaves it out"
            )
