"""Warn about declared grey-value ranges that clip most of a volume, such as [0, 1] for 8 bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fibsem.data.dataset.samples import Sample
from fibsem.data.preprocessing import material_slices
from fibsem.errors import UserError

#: Number of slices read, and share of their material beyond one end from which to warn.
LOOKED_AT, MOST = 5, 0.6


def clipped(sample: Sample) -> Iterator[str]:
    """Yield a message if most of a volume lies beyond an end of its declared range."""
    volume = sample.volume
    if volume.declared is None:
        return
    low, high = volume.declared
    beyond: dict[str, list[float]] = {"black": [], "white": []}
    for box, inside in material_slices(volume.shape, sample.extent, volume.missing, LOOKED_AT):
        try:
            grey = volume.read(box)[0]
        except UserError:  # unreadable slices are reported elsewhere
            continue
        shown = grey if inside is None else grey[inside]
        if shown.size:
            beyond["black"].append(float(np.mean(shown < low)))
            beyond["white"].append(float(np.mean(shown > high)))
    for end, shares in beyond.items():
        if shares and np.mean(shares) > MOST:
            yield (
                f"{sample.name}: range [{low:g}, {high:g}] makes {100 * np.mean(shares):.0f} % of "
                f"the film {end}: are these its grey values?"
            )
