"""A volume whose grey values are corrected box by box, as they are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fibsem.data.material import Extent
from fibsem.data.preprocessing import BoolArray, Correction, FloatArray
from fibsem.data.volumes import Volume
from fibsem.geometry import Box, Triple


def reflected(start: int, stop: int, n: int) -> npt.NDArray[np.intp]:
    """Indices of positions start..stop in an axis of n pixels, mirrored at its borders.

    >>> reflected(-2, 5, 4).tolist()
    [2, 1, 0, 1, 2, 3, 2]
    """
    position = np.arange(start, stop)
    if n == 1:
        return np.zeros_like(position)
    folded = np.abs(position) % (2 * n - 2)
    return np.minimum(folded, 2 * n - 2 - folded)


def frame_of(inside: BoolArray) -> tuple[slice, slice]:
    """Rows and columns that hold all material of a slice."""
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def mirrored(grey: FloatArray, inside: BoolArray) -> FloatArray:
    """A slice with mirrored material in place of all else; (y, x) float32.

    A pixel gets the value of the one that lies as far behind the nearest material, or of the
    nearest itself where that is none.
    """
    nearest: npt.NDArray[np.int32]
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    rows, columns = np.nonzero(~inside)
    edge = nearest[:, rows, columns]
    behind = 2 * edge - np.stack([rows, columns])
    size = np.array(inside.shape)[:, None]
    fits = ((behind >= 0) & (behind < size)).all(axis=0)
    behind = np.where(fits, behind, edge)
    behind = np.where(inside[tuple(behind)], behind, edge)
    filled = grey.copy()
    filled[rows, columns] = grey[tuple(behind)]
    return filled


@dataclass(frozen=True)
class CorrectedVolume:
    """A volume seen through its correction, mirrored at its borders and at those of its material.

    Attributes
    ----------
    volume, correction
        Grey values, and what is done to them.
    extent
        What of it is material. All else is read as mirrored material, as beyond the volume, and a
        slice without any as the nearest one with some.

    Examples
    --------
    >>> from fibsem.data.preprocessing import Recipe, fit_correction
    >>> from fibsem.data.volumes import ArrayVolume
    >>> film = ArrayVolume(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    >>> seen = CorrectedVolume(film, fit_correction(film, Recipe(gradient="none")))
    >>> seen.read(Box((0, 0, 0), (1, 3, 4)).grow((0, 1, 1))).shape  # mirrored at its borders
    (1, 5, 6)
    """

    volume: Volume
    correction: Correction
    extent: Extent | None = None

    @property
    def shape(self) -> Triple:
        return self.volume.shape

    def read(self, box: Box) -> FloatArray:
        """Corrected grey values of a box that may reach beyond the volume; (z, y, x) float32."""
        if self.extent is None:
            return self._within(box)
        order = reflected(box.start[0], box.stop[0], self.shape[0]).tolist()
        return np.concatenate([self._material(z, box) for z in order])

    def _material(self, z: int, box: Box) -> FloatArray:
        """The rows and columns of a box in slice z, or in the one that stands in for it."""
        assert self.extent is not None
        z = self.extent.stand_in(z)
        inside = self.extent.inside(z)
        if inside is None or not inside.any():
            return self._within(Box((z, *box.start[1:]), (z + 1, *box.stop[1:])))
        frame = frame_of(inside)
        shown = inside[frame]
        bounds = Box((z, frame[0].start, frame[1].start), (z + 1, frame[0].stop, frame[1].stop))
        grey = self.correction.apply(self.volume.read_unit(bounds), bounds)
        if not shown.all():
            grey = mirrored(grey[0], shown)[None]
        for axis in (1, 2):
            first, last = bounds.start[axis], bounds.stop[axis]
            order = reflected(box.start[axis] - first, box.stop[axis] - first, last - first)
            grey = np.take(grey, order, axis=axis)
        return grey

    def _within(self, box: Box) -> FloatArray:
        index = [
            reflected(a, b, n) for a, b, n in zip(box.start, box.stop, self.shape, strict=True)
        ]
        low = (int(index[0].min()), int(index[1].min()), int(index[2].min()))
        high = (int(index[0].max()) + 1, int(index[1].max()) + 1, int(index[2].max()) + 1)
        needed = Box(low, high)
        grey = self.correction.apply(self.volume.read_unit(needed), needed)
        if box.inside(self.shape):
            return grey
        for axis in range(3):
            order = index[axis] - low[axis]
            if not np.array_equal(order, np.arange(grey.shape[axis])):  # else a copy for nothing
                grey = np.take(grey, order, axis=axis)
        return grey

    def slice(self, z: int) -> FloatArray:
        """Corrected grey values of one whole slice, (y, x) float32."""
        return self.read(Box((z, 0, 0), (z + 1, *self.shape[1:])))[0]
