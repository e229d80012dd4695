"""Correction of grey values: intensity gradient and scaling (thesis 3.2), fitted per sample.

A recipe says what to do and travels with the model; the values are fitted anew for every volume,
from a few evenly spaced slices. Nothing is ever normalised per patch: that would make the value of
a pixel depend on the patch it is seen in, and patch and dense evaluation would differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fibsem.data.material import Extent
from fibsem.data.volumes import Volume
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple
from fibsem.system.records import typed, whole

Gradient = Literal["x", "y", "none"]
Scaling = Literal["standardise", "none", "minmax", "mode"]
GRADIENTS: tuple[Gradient, ...] = ("x", "y", "none")
SCALINGS: tuple[Scaling, ...] = ("standardise", "none", "minmax", "mode")

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

#: Spread of grey values in [0, 1] below which there is nothing but rounding.
FLAT = 1e-6


@whole
@dataclass(frozen=True)
class Recipe:
    """What to do to the grey values of a sample, in this order: gradient, then scaling."""

    gradient: Gradient = "x"
    scaling: Scaling = "standardise"

    def __post_init__(self) -> None:
        for key, value, choices in (
            ("gradient", self.gradient, GRADIENTS),
            ("scaling", self.scaling, SCALINGS),
        ):
            if value not in choices:
                raise UserError(
                    f"`preprocess.{key}` must be one of {', '.join(choices)}, but got {value}."
                )


@dataclass(frozen=True)
class Correction:
    """A recipe fitted to one sample: ``(grey - slope (x - centre) - offset) / scale``.

    Grey values are in [0, 1]; ``slope`` is per pixel along the recipe's axis and ``centre`` is the
    middle of that axis, so that the mean of the sample is kept when the line is subtracted.
    """

    recipe: Recipe
    slope: float
    centre: float
    offset: float
    scale: float

    def apply(self, grey: FloatArray, box: Box) -> FloatArray:
        """Correct the grey values of a box, (z, y, x) float32 in [0, 1]; a new array."""
        if self.recipe.gradient == "none":
            line: FloatArray = np.zeros(1, np.float32)
        else:
            axis = 1 if self.recipe.gradient == "y" else 2
            position = np.arange(box.start[axis], box.stop[axis]) - self.centre
            line = (self.slope * position).astype(np.float32)
            line = line[:, None] if axis == 1 else line
        corrected: FloatArray = grey - line
        corrected -= np.float32(self.offset)  # in place: whole slices of an instrument are large
        corrected /= np.float32(self.scale)
        return corrected

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Correction:
        """Read what :meth:`to_json` gave."""
        return typed(cls, record)


@dataclass(frozen=True)
class GreyProfile:
    """Mean grey value along an axis, the line through it, and what is left without the line."""

    profile: FloatArray
    slope: float
    centre: float

    @property
    def line(self) -> npt.NDArray[np.float64]:
        """The fitted straight line at every position."""
        position = np.arange(self.profile.size) - self.centre
        line: npt.NDArray[np.float64]
        line = np.float64(self.slope) * position + float(self.profile.mean())
        return line


def evenly_spaced(depth: int, most: int = 20) -> list[int]:
    """At most ``most`` slice numbers spread over the stack, first and last among them."""
    return sorted({round(z) for z in np.linspace(0, depth - 1, min(most, depth))})


def material_slices(
    shape: Triple, extent: Extent | None, most: int = 20
) -> Iterator[tuple[Box, BoolArray | None]]:
    """Boxes of at most ``most`` evenly spaced slices, and which pixels of them are material.

    In place of one without any the nearest that has some; None where all of a slice is.
    """
    spaced = evenly_spaced(shape[0], most)
    for z in spaced if extent is None else sorted({extent.stand_in(z) for z in spaced}):
        inside = None if extent is None else extent.inside(z)
        yield Box((z, 0, 0), (z + 1, *shape[1:])), inside


def mean_profile(
    volume: Volume,
    axis: Literal["x", "y"],
    most_slices: int = 20,
    extent: Extent | None = None,
) -> GreyProfile:
    """Mean grey value along an axis and its least-squares line (thesis Figure 3.5).

    What the extent leaves out does not count; a position where that is all has the mean of the
    others, and no weight.
    """
    across = 0 if axis == "x" else 1
    total = np.zeros(volume.shape[2 if axis == "x" else 1])
    weight = np.zeros_like(total)
    slices = list(material_slices(volume.shape, extent, most_slices))
    for box, inside in slices:
        grey = volume.read_unit(box)[0]
        shown = 1.0 if inside is None else inside.mean(axis=across)
        total += (grey if inside is None else grey * inside).mean(axis=across, dtype=np.float64)
        weight += shown
    weight /= len(slices)
    seen = weight > 0
    profile = np.divide(total / len(slices), weight, out=np.zeros_like(total), where=seen)
    profile[~seen] = profile[seen].mean() if seen.any() else 0.0
    centre = (profile.size - 1) / 2
    position = np.arange(profile.size) - centre
    position -= float(weight @ position) / max(float(weight.sum()), FLAT)
    spread = float(weight @ position**2)
    slope = float((weight * position) @ profile) / spread if spread else 0.0
    return GreyProfile(profile.astype(np.float32), slope, centre)


def fit_correction(
    volume: Volume, recipe: Recipe, *, most_slices: int = 20, extent: Extent | None = None
) -> Correction:
    """Fit a recipe to a volume from at most ``most_slices`` evenly spaced slices.

    Only what is material counts, where the extent tells it. Memory is that of one slice. ``mode``
    takes the fullest of 1024 bins of the grey values.
    """
    slope = centre = 0.0
    if recipe.gradient != "none":
        fitted = mean_profile(volume, recipe.gradient, most_slices, extent)
        slope, centre = fitted.slope, fitted.centre
    line = Correction(recipe, slope, centre, 0.0, 1.0)
    if recipe.scaling == "none":
        spread = replace(line, recipe=replace(recipe, scaling="minmax"))
        if not _scaling(volume, spread, most_slices, extent)[1] > FLAT:
            low, high = volume.value_range
            raise UserError(
                f"a film must have grey values that vary within its range, but {volume.path} is "
                f"constant within [{low:g}, {high:g}]; range=[low,high] says what is black and "
                "white."
            )
        return line
    offset, scale = _scaling(volume, line, most_slices, extent)
    if not scale > FLAT:
        raise UserError(
            f"`preprocess.scaling={recipe.scaling}` needs grey values that vary, but {volume.path} "
            "is constant; the choices are another volume or a model trained with "
            "preprocess.scaling=none."
        )
    return Correction(recipe, slope, centre, offset, scale)


def _scaling(
    volume: Volume, line: Correction, most_slices: int, extent: Extent | None
) -> tuple[float, float]:
    """Offset and scale of the recipe from the grey values without the gradient."""
    count, total, squares = 0, 0.0, 0.0
    low, high = np.inf, -np.inf
    bins = np.linspace(-0.5, 1.5, 2049)
    histogram = np.zeros(bins.size - 1, dtype=np.int64)
    for box, inside in material_slices(volume.shape, extent, most_slices):
        grey = line.apply(volume.read_unit(box), box).astype(np.float64)
        if inside is not None:
            grey = grey[0][inside]
        if not grey.size:
            continue
        count += grey.size
        total += float(grey.sum())
        squares += float((grey**2).sum())
        low, high = min(low, float(grey.min())), max(high, float(grey.max()))
        if line.recipe.scaling == "mode":
            histogram += np.histogram(grey, bins)[0]
    match line.recipe.scaling:
        case "standardise":
            mean = total / max(count, 1)
            return mean, float(np.sqrt(max(squares / max(count, 1) - mean**2, 0.0)))
        case "minmax":
            return low, high - low
        case _:
            k = int(histogram.argmax())
            return 0.0, float((bins[k] + bins[k + 1]) / 2)


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
