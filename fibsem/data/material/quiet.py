"""Find borders with little contrast: fill with noise of its own, a cap, a substrate.

Such a border has no single value by which it could be left out, and may be material.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.parts import SIDES, Side, from_top
from fibsem.system.advice import VALID

#: Share of the usual spread along a line below which a line shows little, share from which it shows
#: the film again, and number of lines skipped between them at the edge.
LITTLE, AGAIN, EDGE = 0.5, 0.75, 2
#: Minimum depth of a border in lines, and maximum depth as a share of all lines.
LEAST, MOST = 2, 0.45
#: Minimum share of the slices that have such a border.
SLICES = 0.1


def quiet_depth(pixels: npt.NDArray[Any], side: Side) -> float:
    """Depth of a low-contrast border with a straight edge as a share of the slice; 0 without one.

    Parameters
    ----------
    pixels : (y, x)
        Subsampled pixels of a slice.
    side
        The side where the border begins.

    Examples
    --------
    >>> film = np.random.default_rng(0).normal(100, 20, (100, 100))
    >>> film[:12] = np.random.default_rng(1).normal(0, 3, (12, 100))
    >>> quiet_depth(film, "top"), quiet_depth(film, "left")
    (0.12, 0.0)
    """
    spread = from_top(pixels, side).astype(np.float32).std(axis=1)
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
    """Yield a message for each side with a low-contrast border in some slices.

    Parameters
    ----------
    slices : (y, x) each
        Subsampled pixels of each slice.
    explained
        Whether something was left out at each side, or reported already.
    sizes
        Size of the slice in pixels perpendicular to each side.
    """
    sampled = list(slices)
    for side in SIDES:
        depths = [] if explained[side] else [quiet_depth(pixels, side) for pixels in sampled]
        quiet = [depth for depth in depths if depth]
        if len(quiet) > SLICES * len(sampled):
            yield (
                f"{len(quiet)} of {len(sampled)} slices show little along their {side} border, "
                f"{np.mean(quiet) * sizes[side]:.0f} pixels deep, as fill with noise, a cap or a "
                f"substrate: it is measured as material; {VALID.at('MASK')} leaves it out"
            )
