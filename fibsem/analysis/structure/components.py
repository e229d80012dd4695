"""Components of the pores, and which of them lead from face to face of the film."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.film import AXES, NEITHER, PORE, Phases
from fibsem.analysis.structure.joined import Connectivity, Joined, Numbers
from fibsem.system.summaries.figures import AxisName

#: Voxels that are counted at once, in a copy of eight bytes each.
COUNTED = 2**24
#: Share of the longest line from which one has a face at each end.
LONG = 0.5
#: Share of the lines, by their lengths, from which on those with gaps leave nothing to tell; and of
#: the longest line from which one has faces there, as a shorter one may end at what is not known.
CUT, WHOLE = 0.5, 0.9

LineLengths = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Connections:
    """How the pores of a film hang together.

    A face is made of the first (last) known voxels that lines along its axis meet: rims without
    material do not close a film. Lines that are known over less than half of what the longest is
    have none: a strip that a drift left in a few slices, or a cut corner, is no way through.

    Attributes
    ----------
    connectivity
        6: pores are neighbours by faces; 26: by edges and corners, too.
    components
        Their number.
    flat
        Axes along which a single voxel is known at most: nothing leads through there.
    cut
        Axes along which most lines have what is not known between what is: pores that do not lead
        through there may do so in it.
    percolates
        By axis, whether a component leads from one face to the other.
    connected_share
        By axis, share of the pore voxels in components that do.
    reachable_share
        Share of the pore voxels in components that reach the end of any line.
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
        """Axes along which nobody can tell whether pores lead through."""
        closed = (axis for axis in self.cut if not self.percolates[axis])
        return tuple(dict.fromkeys((*self.flat, *closed)))


@dataclass
class _Lines:
    """Lines along one axis: where each is known first and last, and the number that it meets there.

    The number is 0, which is no pore, where nothing of a line is known; ``known`` counts the voxels
    of which something is.
    """

    first: Numbers
    last: Numbers
    start: LineLengths
    stop: LineLengths
    known: LineLengths

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> _Lines:
        """Lines of which nothing is known yet, of a shape."""
        numbers, places = np.zeros(shape, np.uint32), np.zeros(shape, np.int32)
        return cls(numbers, numbers.copy(), places, places.copy(), places.copy())

    @classmethod
    def of(cls, numbers: Numbers, known: npt.NDArray[np.bool_]) -> _Lines:
        """Lines along the first axis of a picture."""
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
        """Take the next voxel of every line, at place ``k`` along it."""
        fresh = known & (self.stop == 0)
        if fresh.any():
            self.first[fresh], self.start[fresh] = numbers[fresh], k
        np.copyto(self.last, numbers, where=known)
        np.copyto(self.stop, np.int32(k + 1), where=known)
        self.known += known

    @property
    def lengths(self) -> LineLengths:
        """Voxels from the first to the last one that is known of each line."""
        return self.stop - self.start


class PoreComponents:
    """Components of the pores; an accumulator."""

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
        ends = np.zeros((3, 2, new + 1), np.int32)  # the first for what is no pore
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
        """Note of components how long the longest line is that ends in them, at either face."""
        lengths = lines.lengths
        self._longest[axis] = max(self._longest[axis], lengths.max(initial=0))
        self._crossed[axis] += lengths.sum(dtype=np.int64)
        self._with_gaps[axis] += lengths[lines.known < lengths].sum(dtype=np.int64)
        for longest, at_end in zip(ends, (lines.first, lines.last), strict=True):
            np.maximum.at(longest, np.where(at_end > 0, at_end - (first - 1), 0), lengths)

    @property
    def result(self) -> Connections:
        """Components of all slices together, and what they connect."""
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
            percolates={name: bool(both.any()) for name, both in through.items()},
            connected_share={name: _share(volumes[both], total) for name, both in through.items()},
            reachable_share=_share(volumes[reached.any(axis=(0, 1))], total),
            largest_share=_share(volumes.max(initial=0), total),
        )


def _share(voxels: npt.NDArray[np.int64] | np.int64, total: int) -> float:
    return float(np.sum(voxels)) / total if total else float("nan")


def _sizes(numbers: Numbers, first: int, new: int) -> npt.NDArray[np.int64]:
    """Voxels of the numbers from ``first`` on."""
    flat, sizes = numbers.ravel(), np.zeros(new + 1, np.int64)
    for start in range(0, flat.size, COUNTED):
        some = flat[start : start + COUNTED].astype(np.int64)
        sizes += np.bincount(np.maximum(some - (first - 1), 0), minlength=new + 1)
    return sizes[1:]
