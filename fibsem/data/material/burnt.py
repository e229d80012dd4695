"""Find text, scale bars and lines that were burnt into the slices of a film."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.glance import median_of, quantiles
from fibsem.system.advice import VALID

#: Minimum number of slices and of pixels.
SLICES, PIXELS = 6, 20
#: Deviation from its value within which a compressed pixel of text stays, as a share of the
#: contrast; share of the slices in which text stays, and in which material may.
NEAR, ALWAYS, SOMETIMES = 0.15, 0.95, 0.2
#: Quantiles of the pixels that change, beyond which a value is that of text.
ENDS = 0.02, 0.98
#: Maximum ratio of the pixels that have the value in some slices to those of text: borders of real
#: pores and particles move from slice to slice.
MOVING = 0.1


def burnt_in(
    stack: npt.NDArray[Any], contrast: float, absent: Callable[[], npt.NDArray[np.bool_]]
) -> Iterator[str]:
    """Yield a message if a few pixels are white, or black, at the same place in all slices.

    Parameters
    ----------
    stack : (slices, y, x)
        Slices far from each other; columns may be left out.
    contrast
        Difference of bright and dark grey values of the volume.
    absent
        Returns which pixels, (y, x), are known not to be material.
    """
    if len(stack) < SLICES or not contrast:
        return
    usual, tolerance = median_of(stack), NEAR * contrast
    still = _share(stack, usual, tolerance) >= ALWAYS
    if np.count_nonzero(still) < PIXELS or still.all():
        return
    low, high = quantiles(stack[:, ~still], ENDS)
    for name, beyond in (("white", still & (usual > high)), ("black", still & (usual < low))):
        if np.count_nonzero(beyond) < PIXELS:
            continue
        values, counts = np.unique(usual[beyond], return_counts=True)
        value = float(values[counts.argmax()])
        shares = _share(stack, value, tolerance)
        always = beyond & (shares >= ALWAYS) & ~absent()
        count = np.count_nonzero(always)
        moving = np.count_nonzero((shares >= SOMETIMES) & (shares < ALWAYS))
        if count >= PIXELS and moving <= MOVING * count:
            yield (
                f"{100 * always.mean():.2g} % of the pixels are {name} ({value:g}) at the same "
                "place in all slices, with a sharp edge, as text, a scale bar or dead pixels: they "
                f"are measured as material; {VALID.at('MASK')} leaves them out"
            )


def _share(
    stack: npt.NDArray[Any], values: npt.NDArray[Any] | float, tolerance: float
) -> npt.NDArray[np.float64]:
    """Share of the slices in which each pixel has about a value."""
    near = np.zeros(stack.shape[1:])
    for image in stack:
        near += np.abs(image.astype(np.float32) - values) <= tolerance
    return near / len(stack)
