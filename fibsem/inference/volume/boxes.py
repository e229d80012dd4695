"""Sample boxes of a volume, for measurements that are too expensive on the whole volume."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fibsem.geometry import Box, Triple


def random_boxes(shape: Triple, side: int, count: int, seed: int) -> Iterator[Box]:
    """Yield random boxes in slices spread over a volume, the same for all volumes of a shape."""
    rng = np.random.default_rng(seed)
    depth, height, width = shape
    size_y, size_x = min(side, height), min(side, width)
    for z in spread_slices(depth, count):
        y, x = rng.integers(height - size_y + 1), rng.integers(width - size_x + 1)
        yield Box((z, int(y), int(x)), (z + 1, int(y) + size_y, int(x) + size_x))


def spread_slices(depth: int, count: int) -> list[int]:
    """Return ``count`` slices, evenly spread from the first to the last."""
    return [round(z) for z in np.linspace(0, depth - 1, count)]
