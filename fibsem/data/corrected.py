"""A volume whose grey values are corrected box by box as they are read."""

from __future__ import annotations

import math
from collections.abc import Container, Set
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fibsem.data.material import Extent
from fibsem.data.preprocessing import BoolArray, Correction, FloatArray
from fibsem.data.volumes import Volume
from fibsem.data.volumes.held import HeldSource
from fibsem.geometry import Box, Triple


def reflected(start: int, stop: int, n: int) -> npt.NDArray[np.intp]:
    """Return indices for positions start..stop on an axis of n pixels, mirrored at its ends.

    >>> reflected(-2, 5, 4).tolist()
    [2, 1, 0, 1, 2, 3, 2]
    """
    position = np.arange(start, stop)
    if n == 1:
        return np.zeros_like(position)
    folded = np.abs(position) % (2 * n - 2)
    return np.minimum(folded, 2 * n - 2 - folded)


def frame_of(inside: BoolArray) -> tuple[slice, slice]:
    """Return the rows and columns of a slice that enclose all its material."""
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def mirrored(grey: FloatArray, inside: BoolArray) -> FloatArray:
    """Return a slice, (y, x) float32, with mirrored material in place of everything else.

    A pixel gets the value of its mirror image about the nearest material pixel, or the value of
    the nearest material pixel if the mirror image is no material or outside the slice.
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
class Outline:
    """The material of a slice that is only partly material.

    Attributes
    ----------
    z
        Number of the slice, or of the one used in its place.
    frame
        Rows and columns that enclose its material.
    shown
        Whether each pixel of the frame is material, (y, x).
    """

    z: int
    frame: tuple[slice, slice]
    shown: BoolArray


def outline_of(extent: Extent, z: int, missing: Container[int] = ()) -> Outline | int:
    """Return the outline of a slice or its stand-in, or its number if all or none is material."""
    z = extent.stand_in(z, missing)
    inside = extent.inside(z)
    if inside is None or not inside.any():
        return z
    frame = frame_of(inside)
    return Outline(z, frame, inside[frame])


class Outlines:
    """Cache of the outlines of slices; one is computed again when more slices are missing."""

    def __init__(self) -> None:
        self._each: dict[int, tuple[int, Outline | int]] = {}

    def of(self, extent: Extent, z: int, missing: Set[int]) -> Outline | int:
        """Return the outline of a slice as :func:`outline_of` does."""
        count = len(missing)  # counted first: choosing a stand-in may find more missing slices
        if z not in self._each or self._each[z][0] != count:
            self._each[z] = count, outline_of(extent, z, missing)
        return self._each[z][1]


def around_mirrored(shown: BoolArray, rows: slice, columns: slice) -> tuple[slice, slice]:
    """Return the part of a frame needed to mirror material into some rows and columns of it.

    Parameters
    ----------
    shown
        Whether each pixel of the frame is material, (y, x); some are.
    rows, columns
        Where mirrored values are needed; the result contains them.

    Notes
    -----
    A pixel at distance d from the nearest material takes its value from at most 2 d away. Hence
    material beyond a margin of twice the largest distance does not matter.
    """
    margin = 0
    while not shown[rows, columns].all():
        around = _grown(rows, margin, shown.shape[0]), _grown(columns, margin, shown.shape[1])
        part_shown = shown[around]
        if part_shown.shape == shown.shape:
            return around
        crop = tuple(
            slice(side.start - outer.start, side.stop - outer.start)
            for side, outer in zip((rows, columns), around, strict=True)
        )
        far = (
            ndimage.distance_transform_edt(~part_shown)[crop].max()
            if part_shown.any()
            else max(part_shown.shape)
        )
        if 2 * far <= margin:
            return around
        margin = 2 * math.ceil(far)
    return rows, columns


def _grown(span: slice, margin: int, extent: int) -> slice:
    return slice(max(0, span.start - margin), min(extent, span.stop + margin))


@dataclass(frozen=True)
class CorrectedVolume:
    """A volume read through its correction, mirrored at its borders and those of its material.

    Attributes
    ----------
    volume, correction
        The volume, and the correction of its grey values.
    extent
        Which voxels are material. Others are read as mirrored material, like positions beyond the
        volume; a slice that is missing or has no material is replaced by the nearest with some.
    outlines
        Cache of the outlines of slices, or None to keep none.

    Examples
    --------
    >>> from fibsem.data.preprocessing import Recipe
    >>> from fibsem.data.volumes import ArrayVolume
    >>> film = ArrayVolume(np.full((3, 8, 8), 51, np.uint8))
    >>> volume = CorrectedVolume(film, Correction(Recipe(), 0.0, 0.0, 0.0, 1.0))
    >>> block = volume.read(Box((0, 0, 0), (1, 4, 4)).grow((1, 2, 2)))  # one slice with its halo
    >>> block.shape, block.dtype.name, round(float(block[0, 0, 0]), 3)
    ((3, 8, 8), 'float32', 0.2)
    """

    volume: Volume
    correction: Correction
    extent: Extent | None = None
    outlines: Outlines | None = field(default=None, repr=False, compare=False)

    @property
    def shape(self) -> Triple:
        """Shape of the volume, (z, y, x)."""
        return self.volume.shape

    def holding(self, box: Box) -> CorrectedVolume:
        """Return the volume with the voxels of a box inside it in memory, for repeated reads."""
        held = self.volume.with_source(HeldSource(self.volume.source, box))
        return replace(self, volume=held, outlines=Outlines())

    def read(self, box: Box) -> FloatArray:
        """Read corrected grey values of a box, (z, y, x) float32; it may exceed the volume."""
        if self.extent is None:
            return self._within(box)
        order = reflected(box.start[0], box.stop[0], self.shape[0]).tolist()
        return np.concatenate([self._material(z, box) for z in order])

    def _outline(self, z: int) -> Outline | int:
        assert self.extent is not None
        if self.outlines is None:
            return outline_of(self.extent, z, self.volume.missing)
        return self.outlines.of(self.extent, z, self.volume.missing)

    def _material(self, z: int, box: Box) -> FloatArray:
        """Read the rows and columns of a box in slice z, or in the slice used in its place."""
        missing = len(self.volume.missing)
        grey = self._outlined(self._outline(z), box)
        if len(self.volume.missing) == missing:
            return grey
        return self._material(z, box)  # the slice turned out to be missing: read its stand-in

    def _outlined(self, outline: Outline | int, box: Box) -> FloatArray:
        """Read the rows and columns of a box in a slice with the given outline."""
        if isinstance(outline, int):
            return self._within(Box((outline, *box.start[1:]), (outline + 1, *box.stop[1:])))
        orders = [
            reflected(box.start[axis] - span.start, box.stop[axis] - span.start, size)
            for axis, span, size in zip((1, 2), outline.frame, outline.shown.shape, strict=True)
        ]
        rows, columns = (slice(int(order.min()), int(order.max()) + 1) for order in orders)
        rows, columns = around_mirrored(outline.shown, rows, columns)
        (top, left), shown = (span.start for span in outline.frame), outline.shown[rows, columns]
        bounds = Box(
            (outline.z, top + rows.start, left + columns.start),
            (outline.z + 1, top + rows.stop, left + columns.stop),
        )
        grey = self.correction.apply(self.volume.read_unit(bounds), bounds)
        if not shown.all():
            grey = mirrored(grey[0], shown)[None]
        for axis, (order, first) in enumerate(zip(orders, (rows, columns), strict=True), 1):
            grey = np.take(grey, order - first.start, axis=axis)
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
            if not np.array_equal(order, np.arange(grey.shape[axis])):  # avoids a needless copy
                grey = np.take(grey, order, axis=axis)
        return grey

    def slice(self, z: int) -> FloatArray:
        """Read the corrected grey values of one whole slice, (y, x) float32."""
        return self.read(Box((z, 0, 0), (z + 1, *self.shape[1:])))[0]

    def block(self, box: Box, halo: Triple) -> FloatArray:
        """Read a box with a halo around it as networks take it, (y, x, z) float32."""
        return np.ascontiguousarray(np.moveaxis(self.read(box.grow(halo)), 0, -1))
