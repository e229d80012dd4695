"""Grey values that went over the end of their type, so that the brightest became dark.

A film converted to 8 bits without scaling has single dark pixels in bright surroundings, as noise
lifts some over the end. There the histogram goes on from one end to the other; clipped pixels are
all of one value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

#: Levels into which the range of a type is divided, and how many of them are counted together.
LEVELS, NEAR = 256, 4
#: Differences of a pixel from those above and below: nearly the whole range, and around half of it.
WHOLE, HALF = (192, 256), (96, 160)
#: Minimum share of pixels with the former, and ratio to those with the latter.
SHARE, MORE = 0.005, 0.5
#: Maximum ratio of such counts near both ends; an end at which values are clipped has more.
ALIKE = 2.0


def wrapped(columns: npt.NDArray[Any]) -> Iterator[str]:
    """Yield a message if grey values seem to go over the end of their type.

    Parameters
    ----------
    columns
        Some columns of some slices as stored, (z, y, x).

    Examples
    --------
    >>> bright = 235 + 30 * np.random.default_rng(0).standard_normal((2, 64, 64))
    >>> next(wrapped(bright.astype(np.uint16).astype(np.uint8)))[:45]
    'single pixels are dark where all around are b'
    >>> list(wrapped(bright.clip(0, 255).astype(np.uint8)))
    []
    """
    if columns.dtype.kind != "u" or columns.shape[1] < 3:
        return
    levels = (columns // (np.iinfo(columns.dtype).max // LEVELS + 1)).astype(np.int16)
    beyond, between = (_apart(levels, *ends) for ends in (WHOLE, HALF))
    if beyond > max(SHARE, MORE * between) and _goes_on(levels):
        yield (
            f"single pixels are dark where all around are bright, or the reverse "
            f"({100 * beyond:.1f} %): did grey values go over the end of their type when the film "
            "was converted, such as 256 to 0? Convert it again, scaled"
        )


def _apart(levels: npt.NDArray[np.int16], low: int, high: int) -> float:
    """Return the share of pixels that differ so much from those above and below."""
    steps = np.abs(np.diff(levels, axis=1))
    far = (steps >= low) & (steps < high)
    return float((far[:, 1:] & far[:, :-1]).mean())


def _goes_on(levels: npt.NDArray[np.int16]) -> bool:
    """Whether the levels at one end are as frequent as those at the other, as if they went on."""
    counts = np.bincount(levels.ravel(), minlength=LEVELS)
    low, high = counts[1 : 2 * NEAR + 1], counts[-2 : -2 * NEAR - 2 : -1]
    parts = [end[k : k + NEAR].sum() for end in (low, high) for k in (0, NEAR)]
    return bool(0 < max(*parts, counts[0], counts[-1]) <= ALIKE * min(parts))
