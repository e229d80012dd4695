r"""Two-point correlation along the axes: the probability that two voxels a lag apart are pores.

.. math:: S_2(h) = P(x \in \text{pore}, \; x + h \in \text{pore}), \quad S_2(0) = \phi

It is estimated from all pairs of known voxels in the film.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.film import AXES, NEITHER, PORE, Film, Phases

Mask = npt.NDArray[np.bool_]
#: All lags up to this one are used; above, each is about a twelfth longer than the one before.
EVERY = 12


@dataclass(frozen=True)
class TwoPoint:
    """Two-point correlation along one axis: ``both[k]`` is the probability at ``lags[k]``."""

    lags: tuple[float, ...]
    both: tuple[float, ...]


def lags_up_to(most: int) -> list[int]:
    """Return lags in voxels from 0 to ``most``: all small ones, then ever sparser ones.

    >>> lags_up_to(15)
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    """
    lags = list(range(min(most, EVERY) + 1))
    while lags[-1] < most:
        lags.append(min(most, lags[-1] + max(1, lags[-1] // EVERY)))
    return lags


class PairCounts:
    """Accumulator of pairs of pore voxels along z, y and x.

    Parameters
    ----------
    film
        The film whose slices will be added.
    reach
        Longest lag, in the unit of the spacing; limited to half of the film along each axis.

    Notes
    -----
    Memory: as many slices as the longest lag along z.
    """

    def __init__(self, film: Film, reach: float) -> None:
        self._spacing = film.spacing
        most = [min(n // 2, lag) for n, lag in zip(film.shape, film.voxels_of(reach), strict=True)]
        self.lags = [lags_up_to(n) for n in most]
        self._both = [np.zeros(len(lags), np.int64) for lags in self.lags]
        self._known_pairs = [np.zeros(len(lags), np.int64) for lags in self.lags]
        self._before: deque[tuple[Mask, Mask | None]] = deque(maxlen=most[0] + 1)

    def add(self, z: int, slab: Phases) -> None:
        for image in slab:
            pore, known = image == PORE, image != NEITHER
            here = pore, None if known.all() else known
            self._before.append(here)
            for k, lag in enumerate(self.lags[0]):
                if lag < len(self._before):
                    self._count(0, k, self._before[-1 - lag], here)
            for axis in (1, 2):
                for k, lag in enumerate(self.lags[axis]):
                    near, far = (_cut(here, axis - 1, span) for span in _shifted(lag))
                    self._count(axis, k, near, far)

    def _count(
        self,
        axis: int,
        k: int,
        one: tuple[Mask, Mask | None],
        other: tuple[Mask, Mask | None],
    ) -> None:
        self._both[axis][k] += np.count_nonzero(one[0] & other[0])
        masks: Sequence[Mask] = [known for _, known in (one, other) if known is not None]
        pairs = np.count_nonzero(np.logical_and.reduce(masks)) if masks else one[0].size
        self._known_pairs[axis][k] += pairs

    @property
    def result(self) -> dict[str, TwoPoint]:
        """Two-point correlation by axis; nan for lags without a known pair."""
        by_axis: dict[str, TwoPoint] = {}
        for axis, name in enumerate(AXES):
            both, pairs = self._both[axis], self._known_pairs[axis]
            none = np.full(len(both), np.nan)
            share = np.divide(both, pairs, out=none, where=pairs > 0)
            lags = [self._spacing[axis] * lag for lag in self.lags[axis]]
            by_axis[name] = TwoPoint(tuple(lags), tuple(share.tolist()))
        return by_axis


def _shifted(lag: int) -> tuple[slice, slice]:
    return slice(None, -lag or None), slice(lag, None)


def _cut(masks: tuple[Mask, Mask | None], axis: int, span: slice) -> tuple[Mask, Mask | None]:
    """Return a part of the masks along an axis of the slice."""
    index = (span, slice(None)) if axis == 0 else (slice(None), span)
    return masks[0][index], None if masks[1] is None else masks[1][index]
