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


@dataclass(frozen=True)
class Connections:
    """How the pores of a film hang together.

    A face is made of the first (last) known voxels that lines along its axis meet: rims without
    material do not close a film.

    Attributes
    ----------
    connectivity
        6: pores are neighbours by faces; 26: by edges and corners, too.
    components
        Their number.
    percolates
        By axis, whether a component leads from one face to the other.
    connected_share
        By axis, share of the pore voxels in components that do.
    reachable_share
        Share of the pore voxels in components that reach any face.
    largest_share
        Share of the pore voxels in the largest component.
    """

    connectivity: Connectivity
    components: int
    percolates: dict[AxisName, bool]
    connected_share: dict[AxisName, float]
    reachable_share: float
    largest_share: float


class PoreComponents:
    """Components of the pores; an accumulator."""

    def __init__(self, connectivity: Connectivity) -> None:
        self._joined = Joined(connectivity)
        self._sizes: list[npt.NDArray[np.int64]] = [np.zeros(1, np.int64)]
        self._faces: list[npt.NDArray[np.uint8]] = [np.zeros(1, np.uint8)]
        self._slices = 0
        self._begun: npt.NDArray[np.bool_] | None = None
        self._last: Numbers | None = None

    def add(self, z: int, slab: Phases) -> None:
        self._slices += len(slab)
        first = self._joined.count
        numbers = self._joined.add(slab == PORE)
        new = self._joined.count - first
        self._sizes.append(_sizes(numbers, first, new))
        faces = np.zeros(new + 1, np.uint8)  # the first for what is no pore
        for image, phases in zip(numbers, slab, strict=True):
            for bit, at_face in self._at_faces(image, phases != NEITHER):
                faces[np.where(at_face > 0, at_face - (first - 1), 0)] |= np.uint8(1 << bit)
        self._faces.append(faces[1:])

    def _at_faces(
        self, image: Numbers, known: npt.NDArray[np.bool_]
    ) -> Iterator[tuple[int, Numbers]]:
        """Numbers on the faces of one slice, each with a bit: 0, 1 for z, 2, 3 for y, 4, 5 for x.

        The far face in z is only known at the end.
        """
        if self._begun is None or self._last is None:
            self._begun, self._last = np.zeros(image.shape, np.bool_), np.zeros_like(image)
        fresh = known & ~self._begun
        if fresh.any():
            yield 0, image[fresh]
            self._begun |= known
        np.copyto(self._last, image, where=known)
        for axis in (0, 1):
            for end in (0, 1):
                yield 2 + 2 * axis + end, _outermost(image, known, axis, end)

    @property
    def result(self) -> Connections:
        """Components of all slices together, and what they connect."""
        groups = self._joined.groups
        faces, sizes = np.concatenate(self._faces), np.concatenate(self._sizes)
        if self._last is not None:
            faces[self._last] |= np.uint8(2)
            faces &= ~self._flat(self._last.shape)
        faces[0] = 0
        members = np.zeros(int(groups.max()) + 1, np.uint8)
        np.bitwise_or.at(members, groups, faces)
        volumes = np.zeros(len(members), np.int64)
        np.add.at(volumes, groups, sizes)
        total = int(volumes.sum())
        through = {name: members >> (2 * axis) & 3 == 3 for axis, name in enumerate(AXES)}
        return Connections(
            connectivity=self._joined.connectivity,
            components=len(members) - 1,
            percolates={name: bool(both.any()) for name, both in through.items()},
            connected_share={name: _share(volumes[both], total) for name, both in through.items()},
            reachable_share=_share(volumes[members > 0], total),
            largest_share=_share(volumes.max(initial=0), total),
        )

    def _flat(self, shape: tuple[int, ...]) -> np.uint8:
        """Bits of the axes along which there is one voxel: all of it lies at both faces there."""
        flat = [axis for axis, n in enumerate((self._slices, *shape)) if n == 1]
        return np.uint8(sum(3 << (2 * axis) for axis in flat))


def _share(voxels: npt.NDArray[np.int64] | np.int64, total: int) -> float:
    return float(np.sum(voxels)) / total if total else float("nan")


def _sizes(numbers: Numbers, first: int, new: int) -> npt.NDArray[np.int64]:
    """Voxels of the numbers from ``first`` on."""
    flat, sizes = numbers.ravel(), np.zeros(new + 1, np.int64)
    for start in range(0, flat.size, COUNTED):
        some = flat[start : start + COUNTED].astype(np.int64)
        sizes += np.bincount(np.maximum(some - (first - 1), 0), minlength=new + 1)
    return sizes[1:]


def _outermost(
    image: Numbers, known: npt.NDArray[np.bool_], axis: int, end: int
) -> npt.NDArray[np.uint32]:
    """Numbers that lines along an axis meet first (end 0) or last (end 1) where it is known."""
    ours, theirs = (np.moveaxis(array, axis, 0) for array in (image, known))
    if end:
        ours, theirs = ours[::-1], theirs[::-1]
    if theirs[0].all():
        return ours[0]
    place = theirs.argmax(axis=0)[None]  # 0, which is no pore, where nothing of a line is known
    outermost: npt.NDArray[np.uint32] = np.take_along_axis(ours, place, axis=0)[0]
    return outermost
