"""Find areas with a fill value but no straight edge, as elastic alignment leaves them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

#: Minimum share of a slice, and minimum ratio to the share of the same value inside the slice. The
#: latter is the second smallest among the quarters of its middle, as deep fill may reach others.
SHARE, TIMES = 0.01, 8.0


def fill_along_sides(pixels: npt.NDArray[Any], absent: npt.NDArray[np.bool_]) -> float:
    """Share of a slice that has one exact value, touches its sides, and was not found otherwise.

    Parameters
    ----------
    pixels : (y, x)
        Subsampled pixels of the slice.
    absent : (y, x) bool
        Which of them are known not to be material.

    Returns
    -------
    float
        0 if the share is small, or if the middle of the slice has the value, too: clipped pores
        are everywhere.
    """
    if min(pixels.shape) < 8:
        return 0.0
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    shown = ~np.concatenate([absent[0], absent[-1], absent[:, 0], absent[:, -1]])
    if not shown.any():
        return 0.0
    values, counts = np.unique(border[shown], return_counts=True)
    same = pixels == values[counts.argmax()]
    height, width = (n // 4 for n in pixels.shape)
    inside = sorted(
        float(same[(k + 1) * height : (k + 2) * height, (m + 1) * width : (m + 2) * width].mean())
        for k in (0, 1)
        for m in (0, 1)
    )
    parts, _ = ndimage.label(same & ~absent)
    at_sides = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    share = float(np.isin(parts, at_sides[at_sides > 0]).mean())
    return share if share > max(SHARE, TIMES * inside[1]) else 0.0
