"""Connected components of the pores, and which of them connect opposite faces of the film."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.film import AXES, NEITHER, PORE, Phases
from fibsem.analysis.structure.joined import Connectivity, Joined, Numbers
from fibsem.system.summaries.figures import AxisName

#: Voxels counted at once; each takes eight bytes in a copy.
COUNTED = 2**24
#: A line ends at faces if it is at least this share of the longest line.
LONG = 0.5
#: An axis counts as cut if lines with gaps make up more than the first share of the total length.
#: Lines along it must then have the second share of the longest line, not :data:`LONG`, to end at
#: faces, as shorter ones may end at unknown voxels.
CUT, WHOLE = 0.5, 0.9

LineLengths = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Connections:
    """Connectivity of the pores of a film.

    A face consists of the first (or last) known voxels of the lines along its axis, so that rims
    without material do not close a film. Lines less than half as long as the longest one do not
    count: a strip that drift left in a few slices, or a cut corner, is no path through the film.

    Attributes
    ----------
    connectivity
        6: pore voxels are neighbours by faces; 26: by edges and corners, too.
    components
        Number of components.
    flat
        Axes along which at most one voxel is known, so that no component can percolate.
    cut
        Axes along which most lines have unknown voxels between known ones: pores that do not
        percolate may be connected through these gaps.
    percolates
        By axis, whether a component connects both faces.
    connected_share
        By axis, share of the pore voxels in components that connect both faces.
    reachable_share
        Share of the pore voxels in components that reach the end of any line along any axis.
    largest_share
        Share of the pore voxels in the largest component.
    """

    connectivity: Connectivity
    components: int
    flat: tuple[AxisName, ...]
    cut: tuple[AxisName, ...]
    percolates: dict[AxisName, bool]
    connected_share: dict[AxisName, float]
    reachable_share: float
    largest_share: float

    @property
    def untold(self) -> tuple[AxisName, ...]:
        """Axes along which percolation cannot be determined."""
        closed = (axis for axis in self.cut if not self.percolates[axis])
        return tuple(dict.fromkeys((*self.flat, *closed)))


@dataclass
class _Lines:
    """Lines along one axis: positions and component numbers of their first and last known voxels.

    The number is 0, as for solid, if no voxel of a line is known; ``known_voxels`` counts
    them in each line.
    """

    first: Numbers
    last: Numbers
    start: LineLengths
    stop: LineLengths
    known_voxels: LineLengths

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> _Lines:
        """Return an array of lines without known voxels."""
        numbers, places = np.zeros(shape, np.uint32), np.zeros(shape, np.int32)
        return cls(numbers, numbers.copy(), places, places.copy(), places.copy())

    @classmethod
    def of(cls, numbers: Numbers, known: npt.NDArray[np.bool_]) -> _Lines:
        """Return the lines along the first axis of an image."""
        n, shape = len(known), known.shape[1:]
        if known.all():
            start, stop = np.zeros(shape, np.int32), np.full(shape, n, np.int32)
            return cls(numbers[0], numbers[-1], start, stop, stop)
        start, stop = known.argmax(axis=0), n - known[::-1].argmax(axis=0)
        first, last = (np.take_along_axis(numbers, at[None], 0)[0] for at in (start, stop - 1))
        count = known.sum(axis=0, dtype=np.int32)
        length = np.where(count > 0, stop - start, 0)
        return cls(first, last, start.astype(np.int32), (start + length).astype(np.int32), count)

    def go_on(self, k: int, numbers: Numbers, known: npt.NDArray[np.bool_]) -> None:
        """Add the next voxel of every line, at position ``k`` along it."""
        fresh = known & (self.stop == 0)
        if fresh.any():
            self.first[fresh], self.start[fresh] = numbers[fresh], k
        np.copyto(self.last, numbers, where=known)
        np.copyto(self.stop, np.int32(k + 1), where=known)
        self.known_voxels += known

    @property
    def lengths(self) -> LineLengths:
        """Number of voxels from the first to the last known one of each line."""
        return self.stop - self.start


class PoreComponents:
    """Accumulator of the connected components of the pores."""

    def __init__(self, connectivity: Connectivity) -> None:
        self._joined = Joined(connectivity)
        self._sizes: list[npt.NDArray[np.int64]] = [np.zeros(1, np.int64)]
        self._ends: list[LineLengths] = [np.zeros((3, 2, 1), np.int32)]
        self._upright: _Lines | None = None
        self._longest = np.zeros(3, np.int32)
        self._crossed, self._with_gaps = np.zeros(3, np.int64), np.zeros(3, np.int64)

    def add(self, z: int, slab: Phases) -> None:
        first = self._joined.count
        numbers = self._joined.add(slab == PORE)
        new = self._joined.count - first
        self._sizes.append(_sizes(numbers, first, new))
        ends = np.zeros((3, 2, new + 1), np.int32)  # index 0: not pore
        if self._upright is None:
            self._upright = _Lines.none(numbers.shape[1:])
        for k, (image, phases) in enumerate(zip(numbers, slab, strict=True), z):
            known = phases != NEITHER
            self._upright.go_on(k, image, known)
            for axis in (1, 2):
                lines = _Lines.of(*(np.moveaxis(array, axis - 1, 0) for array in (image, known)))
                self._take(axis, lines, ends[axis], first)
        self._ends.append(ends[..., 1:])

    def _take(self, axis: int, lines: _Lines, ends: LineLengths, first: int = 1) -> None:
        """Record for every component the longest line that ends in it, by face."""
        lengths = lines.lengths
        self._longest[axis] = max(self._longest[axis], lengths.max(initial=0))
        self._crossed[axis] += lengths.sum(dtype=np.int64)
        self._with_gaps[axis] += lengths[lines.known_voxels < lengths].sum(dtype=np.int64)
        for longest, at_end in zip(ends, (lines.first, lines.last), strict=True):
            np.maximum.at(longest, np.where(at_end > 0, at_end - (first - 1), 0), lengths)

    @property
    def result(self) -> Connections:
        """Connectivity of the slices added so far."""
        groups = self._joined.groups
        ends, sizes = np.concatenate(self._ends, axis=-1), np.concatenate(self._sizes)
        if self._upright is not None:
            self._take(0, self._upright, ends[0])
        flat = [axis for axis in range(3) if self._longest[axis] <= 1]
        ends[flat] = ends[..., 0] = 0
        reached = np.zeros((3, 2, int(groups.max()) + 1), np.int32)
        for of_groups, of_numbers in zip(reached.reshape(6, -1), ends.reshape(6, -1), strict=True):
            np.maximum.at(of_groups, groups, of_numbers)
        volumes = np.zeros(reached.shape[-1], np.int64)
        np.add.at(volumes, groups, sizes)
        total = int(volumes.sum())
        cut = self._with_gaps > CUT * self._crossed
        enough = np.maximum(1, np.where(cut, WHOLE, LONG) * self._longest)
        through = {
            name: (reached[axis] >= enough[axis]).all(axis=0) for axis, name in enumerate(AXES)
        }
        return Connections(
            connectivity=self._joined.connectivity,
            components=len(volumes) - 1,
            flat=tuple(AXES[axis] for axis in flat),
            cut=tuple(compress(AXES, cut)),
            percolates={name: bool(connected.any()) for name, connected in through.items()},
            connected_share={
                name: _share(volumes[connected], total) for name, connected in through.items()
            },
            reachable_share=_share(volumes[reached.any(axis=(0, 1))], total),
            largest_share=_share(volumes.max(initial=0), total),
        )


def _share(voxels: npt.NDArray[np.int64] | np.int64, total: int) -> float:
    return float(np.sum(voxels)) / total if total else float("nan")


def _sizes(numbers: Numbers, first: int, new: int) -> npt.NDArray[np.int64]:
    """Count the voxels of each of the ``new`` component numbers from ``first`` on."""
    flat, sizes = numbers.ravel(), np.zeros(new + 1, np.int64)
    for start in range(0, flat.size, COUNTED):
        chunk = flat[start : start + COUNTED].astype(np.int64)
        sizes += np.bincount(np.maximum(chunk - (first - 1), 0), minlength=new + 1)
    return sizes[1:]
