"""Connected components of a mask that is added slab by slab, merged across slabs at the end."""

from __future__ import annotations

from typing import Literal

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.uint32]
Connectivity = Literal[6, 26]

#: Offsets (y, x) of the neighbours in the previous slice.
BEFORE: dict[int, list[tuple[int, int]]] = {
    6: [(0, 0)],
    26: [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)],
}


class Joined:
    """Connected components of a mask whose slabs are labelled independently.

    Attributes
    ----------
    count
        Number of component numbers assigned so far, including 0 for voxels outside of the mask.
    """

    def __init__(self, connectivity: Connectivity) -> None:
        self.connectivity = connectivity
        self.count = 1
        self._last: Numbers | None = None
        self._pairs: list[npt.NDArray[np.int64]] = []

    def add(self, mask: Mask) -> Numbers:
        """Number the components of the next slab; :attr:`groups` merges them with others later."""
        slab = np.ascontiguousarray(mask).view(np.uint8)
        numbers: Numbers = cc3d.connected_components(slab, connectivity=self.connectivity)
        numbers = numbers.astype(np.uint32, copy=False)
        largest = int(numbers.max(initial=0))
        numbers[numbers > 0] += np.uint32(self.count - 1)
        self.count += largest
        if self._last is not None:
            self._pairs += [self._touching(numbers[0], y, x) for y, x in BEFORE[self.connectivity]]
        self._last = numbers[-1].copy()
        return numbers

    def _touching(self, image: Numbers, y: int, x: int) -> npt.NDArray[np.int64]:
        """Return unique pairs of touching numbers across two slabs, each packed into an int64."""
        assert self._last is not None
        (a, b), (c, d) = _overlap(y), _overlap(x)
        before, after = self._last[a, c], image[b, d]
        both = (before > 0) & (after > 0)
        return np.unique((before[both].astype(np.int64) << 32) | after[both])

    @property
    def groups(self) -> npt.NDArray[np.int32]:
        """Component of each number; number 0 is a component of its own."""
        pairs = np.unique(np.concatenate(self._pairs)) if self._pairs else np.empty(0, np.int64)
        ends = pairs >> 32, pairs & 0xFFFFFFFF
        graph = coo_array((np.ones(len(pairs), np.bool_), ends), (self.count, self.count))
        groups: npt.NDArray[np.int32] = connected_components(graph, directed=False)[1]
        return groups


def _overlap(shift: int) -> tuple[slice, slice]:
    """Return the overlapping parts of two images shifted by -1, 0 or 1 pixel."""
    both, without_first, without_last = slice(None), slice(1, None), slice(None, -1)
    return {
        0: (both, both), 1: (without_first, without_last), -1: (without_last, without_first)
    }[shift]  # fmt: skip
