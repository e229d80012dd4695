"""Check whether the slices of a stack are really the milled ones, not its rows or columns.

Milled slices are at least as far apart as pixels, so neighbouring pixels of a slice are at least as
similar as successive slices. If neighbours along one axis of the slices are much less similar than
along the other axis and from slice to slice, that axis is the milled one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.order import correlation

#: Number of pairs of slices examined, minimum number, and side in pixels of the central area used.
PAIRS, FEWEST, MIDDLE = 8, 3, 512
#: Maximum ratio of the axis' correlation to those of the other two axes, and minimum difference.
LESS, APART = 0.75, 0.1
#: Numbers of pixels over which fine layers turn into their opposite, and how far, as a ratio to the
#: correlation along the layers. Nothing else in a picture does that.
OPPOSITE, LAYERS = range(2, 7), 0.2

Image = npt.NDArray[Any]


def some_pairs(depth: int) -> list[int]:
    """Return the first slice of each pair of neighbours that is examined.

    >>> some_pairs(4), some_pairs(1)
    ([0, 1, 2], [])
    """
    return sorted({round(z) for z in np.linspace(0, depth - 2, min(PAIRS, depth - 1))})


def other_order(depth: int, read: Callable[[int], Image | None]) -> Iterator[str]:
    """Yield a message if the milled slices seem to lie along y or x.

    Parameters
    ----------
    depth
        Number of slices.
    read
        Returns a slice as stored, or None if it cannot be read. Memory: one slice, and the middle
        of another.
    """
    pairs = ((_middle(read(z)), _middle(read(z + 1))) for z in some_pairs(depth))
    measured = [
        (_correlations(one, other), _opposites(one))
        for one, other in pairs
        if one is not None and other is not None
    ]
    if len(measured) < FEWEST:
        return
    slices, rows, columns = np.median([triple for triple, _ in measured], axis=0)
    of_rows, of_columns = np.median([opposites for _, opposites in measured], axis=0)
    weak, axis, strong, opposite = min(
        (rows, "y", columns, of_rows), (columns, "x", rows, of_columns)
    )
    layered = opposite < -LAYERS * strong
    if not layered and weak < min(LESS * min(strong, slices), min(strong, slices) - APART):
        yield (
            f"pixels beside each other along {axis} have less in common (correlation {weak:.2f}) "
            f"than along the other axis ({strong:.2f}) and from slice to slice ({slices:.2f}): are "
            f"the axes z, y, x, or was the film milled along {axis}?"
        )


def _correlations(one: Image, other: Image) -> tuple[float, float, float]:
    """Correlation of a slice with the next, and with itself shifted by a pixel along y and x."""
    a, b = one.astype(np.float32), other.astype(np.float32)
    return correlation(a, b), correlation(a[1:], a[:-1]), correlation(a[:, 1:], a[:, :-1])


def _opposites(image: Image) -> tuple[float, float]:
    """Lowest correlation of a slice with itself further along y and x, as of layers of few pixels.

    >>> stripes = np.tile([0.0, 0.0, 1.0, 1.0], (8, 4))
    >>> [round(value, 2) for value in _opposites(stripes)]
    [1.0, -1.0]
    """
    a = image.astype(np.float32)
    by_axis = [
        [correlation(b[k:], b[:-k]) for k in OPPOSITE if k < len(b)] or [1.0]
        for b in (a, np.ascontiguousarray(a.T))
    ]
    return min(by_axis[0]), min(by_axis[1])


def _middle(image: Image | None) -> Image | None:
    if image is None or min(image.shape) < 2:
        return None
    y, x = (max(0, (size - MIDDLE) // 2) for size in image.shape)
    return image[y : y + MIDDLE, x : x + MIDDLE].copy()
