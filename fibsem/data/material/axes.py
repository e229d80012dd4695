"""Whether the slices of a film are its slices, or its rows: they were milled one after the other.

Between slices lies most: pixels beside each other are more alike than pixels behind each other, or
as much. Where one axis of the pictures is far less alike than the other one and than pictures
that follow each other, that axis is the one that was milled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.order import correlation

#: Pairs of slices that are looked at, the fewest of them, and pixels along each side of the middle.
PAIRS, FEWEST, MIDDLE = 8, 3, 512
#: Share of the correlation of the other two axes that the third one has less than, and by how much.
LESS, APART = 0.75, 0.1

Image = npt.NDArray[Any]


def some_pairs(depth: int) -> list[int]:
    """First slices of the pairs of neighbours that are looked at.

    >>> some_pairs(4), some_pairs(1)
    ([0, 1, 2], [])
    """
    return sorted({round(z) for z in np.linspace(0, depth - 2, min(PAIRS, depth - 1))})


def other_order(depth: int, read: Callable[[int], Image | None]) -> Iterator[str]:
    """Say where a film seems to lie with its slices along y or x.

    Parameters
    ----------
    depth
        Number of slices.
    read
        Gives one of them as it is stored; None where it cannot be read. Memory: one of them, and
        the middle of another.
    """
    pairs = (tuple(_middle(read(k)) for k in (z, z + 1)) for z in some_pairs(depth))
    alike = [_alike(one, other) for one, other in pairs if one is not None and other is not None]
    if len(alike) < FEWEST:
        return
    slices, rows, columns = np.median(alike, axis=0)
    weak, axis, strong = min((rows, "y", columns), (columns, "x", rows))
    if weak < min(LESS * min(strong, slices), min(strong, slices) - APART):
        yield (
            f"pixels beside each other along {axis} have less in common (correlation {weak:.2f}) "
            f"than along the other axis ({strong:.2f}) and from slice to slice ({slices:.2f}): are "
            f"the axes z, y, x, or was the film milled along {axis}?"
        )


def _alike(one: Image, other: Image) -> tuple[float, float, float]:
    """Correlation of a slice with the next one, and with itself a pixel on along y and x."""
    a, b = one.astype(np.float32), other.astype(np.float32)
    return correlation(a, b), correlation(a[1:], a[:-1]), correlation(a[:, 1:], a[:, :-1])


def _middle(image: Image | None) -> Image | None:
    if image is None or min(image.shape) < 2:
        return None
    y, x = (max(0, (size - MIDDLE) // 2) for size in image.shape)
    return image[y : y + MIDDLE, x : x + MIDDLE].copy()
