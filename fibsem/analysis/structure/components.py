"""Components of the pores, and which of them lead from face to face of the film."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.film import AXES, NEITHER, PORE, Phases
from fibsem.analysis.structure.joined import Connectivity, Joined, Numbers
from fibsem.system.summaries.figures import AxisName

#: Voxels that are counted at once, in a copy of eight bytes each.
COUNTED = 2**24
#: Share of the longest line from which one has a face at each end.
LONG = 0.5

Bits = npt.NDArray[np.uint16]
Places = npt.NDArray[np.int32]
#: What a component reaches, by axis: both faces, a bit each, and the end of any line.
_FACES, _ANY_END = [(1, 2), (4, 8), (16, 32)], [64, 128, 256]


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
    percolates: dict[AxisName, bool]
    connected_share: dict[AxisName, float]
    reachable_share: float
    largest_share: float


@dataclass
class _Lines:
    """Lines along one axis: where each is known first and last, and the number that it meets there.

    The number is 0, which is no pore, where nothing of a line is known.
    """

    first: Numbers
    last: Numbers
    start: Places
    stop: Places

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> _Lines:
        """Lines of which nothing is known yet, of a shape."""
        numbers, places = np.zeros(shape, np.uint32), np.zeros(shape, np.int32)
        return cls(numbers, numbers.copy(), places, places.copy())

    @classmethod
    def of(cls, numbers: Numbers, known: npt.NDArray[np.bool_]) -> _Lines:
        """Lines along the first axis of a picture."""
        n, shape = len(known), known.shape[1:]
        if known.all():
            places = np.zeros(shape, np.int32), np.full(shape, n, np.int32)
            return cls(numbers[0], numbers[-1], *places)
        start, stop = known.argmax(axis=0), n - known[::-1].argmax(axis=0)
        first, last = (np.take_along_axis(numbers, at[None], 0)[0] for at in (start, stop - 1))
        length = np.where(known.any(axis=0), stop - start, 0)
        return cls(first, last, start.astype(np.int32), (start + length).astype(np.int32))

    def go_on(self, k: int, numbers: Numbers, known: npt.NDArray[np.bool_]) -> None:
        """Take the next voxel of every line, at place ``k`` along it."""
        fresh = known & (self.stop == 0)
        if fresh.any():
            self.first[fresh], self.start[fresh] = numbers[fresh], k
        np.copyto(self.last, numbers, where=known)
        np.copyto(self.stop, np.int32(k + 1), where=known)

    @property
    def longest(self) -> int:
        """Voxels from the first to the last one that is known of a line, at most."""
        return int((self.stop - self.start).max(initial=0))

    def ends(self, axis: int) -> Iterator[tuple[np.uint16, Numbers]]:
        """Numbers at both ends of lines, and what components of these numbers reach there."""
        length = self.stop - self.start
        long = length >= LONG * length.max(initial=0)
        for bit, at_end in zip(_FACES[axis], (self.first, self.last), strict=True):
            yield np.uint16(bit), at_end[long]
            yield np.uint16(_ANY_END[axis]), at_end


class PoreComponents:
    """Components of the pores; an accumulator."""

    def __init__(self, connectivity: Connectivity) -> None:
        self._joined = Joined(connectivity)
        self._sizes: list[npt.NDArray[np.int64]] = [np.zeros(1, np.int64)]
        self._faces: list[Bits] = [np.zeros(1, np.uint16)]
        self._upright: _Lines | None = None
        self._longest = [0, 0, 0]

    def add(self, z: int, slab: Phases) -> None:
        first = self._joined.count
        numbers = self._joined.add(slab == PORE)
        new = self._joined.count - first
        self._sizes.append(_sizes(numbers, first, new))
        faces = np.zeros(new + 1, np.uint16)  # the first for what is no pore
        if self._upright is None:
            self._upright = _Lines.none(numbers.shape[1:])
        for k, (image, phases) in enumerate(zip(numbers, slab, strict=True), z):
            known = phases != NEITHER
            self._upright.go_on(k, image, known)
            for axis in (1, 2):
                lines = _Lines.of(*(np.moveaxis(array, axis - 1, 0) for array in (image, known)))
                self._longest[axis] = max(self._longest[axis], lines.longest)
                for bit, at_end in lines.ends(axis):
                    faces[np.where(at_end > 0, at_end - (first - 1), 0)] |= bit
        self._faces.append(faces[1:])

    @property
    def result(self) -> Connections:
        """Components of all slices together, and what they connect."""
        groups = self._joined.groups
        faces, sizes = np.concatenate(self._faces), np.concatenate(self._sizes)
        longest = list(self._longest)
        if self._upright is not None:
            longest[0] = self._upright.longest
            for bit, at_end in self._upright.ends(0):
                faces[at_end] |= bit
        flat = [axis for axis in range(3) if longest[axis] <= 1]
        for axis in flat:
            faces &= ~np.uint16(sum(_FACES[axis]) + _ANY_END[axis])
        faces[0] = 0
        members = np.zeros(int(groups.max()) + 1, np.uint16)
        np.bitwise_or.at(members, groups, faces)
        volumes = np.zeros(len(members), np.int64)
        np.add.at(volumes, groups, sizes)
        total = int(volumes.sum())
        both_faces = {name: np.uint16(sum(_FACES[axis])) for axis, name in enumerate(AXES)}
        through = {name: members & bits == bits for name, bits in both_faces.items()}
        return Connections(
            connectivity=self._joined.connectivity,
            components=len(members) - 1,
            flat=tuple(AXES[axis] for axis in flat),
            percolates={name: bool(both.any()) for name, both in through.items()},
            connected_share={name: _share(volumes[both], total) for name, both in through.items()},
            reachable_share=_share(volumes[members > 0], total),
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
