"""Picture of a volume's middle slice, for notebooks."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fibsem.data.volumes.voxels import Voxels
from fibsem.geometry import Box, Triple

#: Largest side of the part that is read, so that no slice takes long, and of the picture.
READ, SHOWN = 4096, 512


def middle_of(shape: Triple) -> Box:
    """Return the middle of the middle slice.

    >>> middle_of((3, 64, 5096))
    Box(start=(1, 0, 500), stop=(2, 64, 4596))
    """
    depth, *sides = shape
    (y, height), (x, width) = (((n - min(n, READ)) // 2, min(n, READ)) for n in sides)
    return Box((depth // 2, y, x), (depth // 2 + 1, y + height, x + width))


def as_png(image: Voxels) -> bytes:
    """Return every n-th pixel of a slice as PNG, clipped at the 0.5 and 99.5 % percentiles."""
    step = -(-max(image.shape) // SHOWN)
    grey = image[::step, ::step].astype(np.float32)
    low, high = np.percentile(grey, (0.5, 99.5))
    if low == high:  # of labels with few pores
        low, high = grey.min(), max(grey.max(), grey.min() + 1)
    shown = np.rint(255 * np.clip((grey - low) / (high - low), 0, 1)).astype(np.uint8)
    page = io.BytesIO()
    Image.fromarray(shown).save(page, "png")
    return page.getvalue()
