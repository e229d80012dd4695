"""Find fill of any shape inside a volume: one grey value that stays while the film changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fibsem.data.material.glance import median_of
from fibsem.system.advice import VALID

#: Minimum number of slices.
FEWEST = 4
#: Minimum share of the slices in which a pixel of fill has its value, minimum share of a slice, and
#: maximum share of the other pixels with the same value: a phase without noise is elsewhere, too.
STAYS, SHARE, BESIDE = 0.6, 0.01, 0.1
#: The maximum share for the value of clipped pores or solids, which may also stay in place.
NOWHERE = 0.001


def standing_fill(
    images: Sequence[npt.NDArray[Any]],
    absent: Callable[[int], npt.NDArray[np.bool_]],
    greys: tuple[float, float],
) -> Iterator[str]:
    """Yield a message if an area has one exact grey value at the same place in most slices.

    Parameters
    ----------
    images : (y, x) each
        Subsampled pixels of evenly spaced slices.
    absent
        Returns which pixels of the k-th slice are known not to be material; only called if
        anything stays in place.
    greys
        Dark and bright values of the volume. Pixels clipped beyond them may stay by chance, but
        then the value occurs elsewhere, too.
    """
    if len(images) < FEWEST:
        return
    usual = median_of(np.stack(images))
    same = np.stack([image == usual for image in images])
    if (same.mean(axis=0) > STAYS).mean() <= SHARE:
        return
    same &= ~np.stack([absent(k) for k in range(len(images))])
    stays = same.mean(axis=0) > STAYS
    if stays.mean() <= SHARE:
        return
    values, counts = np.unique(usual[stays], return_counts=True)
    value, stays = values[counts.argmax()], stays & (usual == values[counts.argmax()])
    beside = np.mean([(image[~stays] == value).mean() for image in images])
    within = greys[0] < value < greys[1]
    if stays.mean() > SHARE and beside <= (BESIDE if within else NOWHERE):
        which = "neither dark nor bright" if within else "nowhere else"
        yield (
            f"{100 * stays.mean():.1f} % of most slices are of one grey value, {value:g}, which is "
            f"{which} and always in the same place, but no rectangle: they are "
            f"measured as material; {VALID.at('MASK')} leaves them out"
        )
