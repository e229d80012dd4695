"""Find rows or columns that do not fit each other: in turn of two kinds, repeated, moved.

Pixels beside each other are the most alike in a picture of material. Scanned lines that slipped or
come from two slices, enlarged pictures and mosaics that do not fit break this, in every slice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.order import Array, correlation

#: Minimum number of slices, and of lines.
SLICES, LINES = 3, 16
#: Minimum excess of the correlation of lines two apart over that of neighbours, absolute and as a
#: ratio. In real films it is below that of neighbours by 0.01 at least.
MORE, TIMES = 0.02, 1.04
#: Share of lines that equal the line before above which it is said.
EQUAL = 0.2
#: Minimum correlation of neighbours for seams, ratios to the usual one below which lines do not fit
#: and above which the next ones do, and robust standard deviations that they are off.
ALIKE, APART, FITS, FAR = 0.15, 0.6, 0.85, 8.0
#: Share of the slices that a seam is in.
MOST = 0.8
#: Maximum number of seams: where there are more, the film has layers.
MOST_SEAMS = 6
#: Minimum number of different values in a line, for it to show something.
VALUES = 3


def odd_lines(stack: npt.NDArray[Any], absent: npt.NDArray[np.bool_], kind: str) -> Iterator[str]:
    """Yield messages about lines that do not fit their neighbours.

    Parameters
    ----------
    stack : (slices, lines, pixels)
        All lines of some slices; pixels may be left out.
    absent : (lines, pixels)
        Which pixels are no material in some slice; seams are not looked for at their borders.
    kind
        ``"row"`` or ``"column"``, for the messages.
    """
    if len(stack) < SLICES or stack.shape[1] < LINES or stack.shape[2] < 2:
        return
    if share := _repeated(stack):
        yield (
            f"{100 * share:.0f} % of the {kind}s are the same as the {kind} before: a picture that "
            "was enlarged has larger voxels, and lines that were lost show nothing"
        )
        return
    images = stack.astype(np.float32)
    one, two = (correlation(images[:, k:], images[:, :-k]) for k in (1, 2))
    if two > max(ALIKE, one + MORE, TIMES * one):
        yield (
            f"every second {kind} has more in common with the next but one (correlation {two:.2f}) "
            f"than with the one beside it ({one:.2f}), as if {kind}s were shifted in turn or came "
            "from two slices: look at them first"
        )
    elif seams := _seams(images, ~absent):
        listed = ", ".join(f"{k} and {k + 1}" for k in seams)
        yield (
            f"{kind}s {listed} have less in common than others beside each other, in all slices: "
            "pictures put together there do not fit, or a part was moved"
        )


def _repeated(stack: npt.NDArray[Any]) -> float:
    """Return the share of lines equal to the one before, if large; lines of few values are not."""
    before, after = stack[:, :-1], stack[:, 1:]
    equal = (before == after).all(axis=2)
    if equal.mean() <= EQUAL:
        return 0.0
    shown = np.array([[len(np.unique(line)) >= VALUES for line in image] for image in after])
    return float(equal[shown].mean()) if shown.any() and equal[shown].mean() > EQUAL else 0.0


def _seams(images: npt.NDArray[np.float32], shown: npt.NDArray[np.bool_]) -> list[int]:
    """Return the first of two neighbouring lines unlike each other, but like the lines around."""
    alike = _neighbours(images, shown)
    usual = float(np.median(alike))
    spread = 1.4826 * float(np.median(np.abs(alike - usual)))
    if usual <= ALIKE:
        return []
    low = alike < min(APART * usual, usual - FAR * spread)
    fits = alike > FITS * usual
    seams = [k for k in range(1, len(alike) - 1) if low[k] and fits[k - 1] and fits[k + 1]]
    return seams if len(seams) <= MOST_SEAMS else []


def _neighbours(images: npt.NDArray[np.float32], shown: npt.NDArray[np.bool_]) -> Array:
    """Correlation of each line with the next, over what both show; 1 where one shows nothing.

    It is that which most slices do not exceed: a seam of some of them, as where the stage moved, is
    none of the pictures.
    """
    both = shown[1:] & shown[:-1]
    centred = images - images.mean(axis=2, keepdims=True)
    upper, lower = np.where(both, centred[:, :-1], 0), np.where(both, centred[:, 1:], 0)
    products, *squares = (
        (one * other).sum(axis=2, dtype=np.float64)
        for one, other in ((upper, lower), (upper, upper), (lower, lower))
    )
    norms = np.sqrt(squares[0] * squares[1])
    alike = np.divide(products, norms, out=np.ones_like(norms), where=norms > 0)
    most: Array = np.quantile(alike, MOST, axis=0)
    return most
