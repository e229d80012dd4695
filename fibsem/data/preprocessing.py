"""Correction of grey values: intensity gradient and scaling (thesis 3.2), fitted per sample.

A recipe says what to do and travels with the model; the values are fitted anew for every volume,
from a few evenly spaced slices. Nothing is ever normalised per patch: that would make the value of
a pixel depend on the patch it is seen in, and patch and dense evaluation would differ.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fibsem.data.volumes import Volume
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple

Gradient = Literal["x", "y", "none"]
Scaling = Literal["standardise", "none", "minmax", "mode"]
GRADIENTS: tuple[Gradient, ...] = ("x", "y", "none")
SCALINGS: tuple[Scaling, ...] = ("standardise", "none", "minmax", "mode")

FloatArray = npt.NDArray[np.float32]

#: Spread of grey values in [0, 1] below which there is nothing but rounding.
FLAT = 1e-6


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
        return cls(**{**record, "recipe": Recipe(**record["recipe"])})


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


def mean_profile(volume: Volume, axis: Literal["x", "y"], most_slices: int = 20) -> GreyProfile:
    """Mean grey value along an axis and its least-squares line (thesis Figure 3.5)."""
    along = 1 if axis == "x" else 0
    total = np.zeros(volume.shape[2 if axis == "x" else 1])
    slices = evenly_spaced(volume.shape[0], most_slices)
    for z in slices:
        total += _slice(volume, z).mean(axis=1 - along, dtype=np.float64)
    profile = total / len(slices)
    centre = (profile.size - 1) / 2
    position = np.arange(profile.size) - centre
    spread = float(position @ position)
    slope = float(position @ profile) / spread if spread else 0.0
    return GreyProfile(profile.astype(np.float32), slope, centre)


def fit_correction(volume: Volume, recipe: Recipe, *, most_slices: int = 20) -> Correction:
    """Fit a recipe to a volume from at most ``most_slices`` evenly spaced slices.

    Memory is that of one slice. ``mode`` takes the fullest of 1024 bins of the grey values.
    """
    slope = centre = 0.0
    if recipe.gradient != "none":
        fitted = mean_profile(volume, recipe.gradient, most_slices)
        slope, centre = fitted.slope, fitted.centre
    line = Correction(recipe, slope, centre, 0.0, 1.0)
    if recipe.scaling == "none":
        return line
    offset, scale = _scaling(volume, line, most_slices)
    if not scale > FLAT:
        raise UserError(
            f"`preprocess.scaling={recipe.scaling}` needs grey values that vary, but {volume.path} "
            "is constant; the choices are another volume or a model trained with "
            "preprocess.scaling=none."
        )
    return Correction(recipe, slope, centre, offset, scale)


def _scaling(volume: Volume, line: Correction, most_slices: int) -> tuple[float, float]:
    """Offset and scale of the recipe from the grey values without the gradient."""
    count, total, squares = 0, 0.0, 0.0
    low, high = np.inf, -np.inf
    bins = np.linspace(-0.5, 1.5, 2049)
    histogram = np.zeros(bins.size - 1, dtype=np.int64)
    for z in evenly_spaced(volume.shape[0], most_slices):
        box = Box((z, 0, 0), (z + 1, *volume.shape[1:]))
        grey = line.apply(volume.read_unit(box), box).astype(np.float64)
        count += grey.size
        total += float(grey.sum())
        squares += float((grey**2).sum())
        low, high = min(low, float(grey.min())), max(high, float(grey.max()))
        if line.recipe.scaling == "mode":
            histogram += np.histogram(grey, bins)[0]
    match line.recipe.scaling:
        case "standardise":
            mean = total / count
            return mean, float(np.sqrt(max(squares / count - mean**2, 0.0)))
        case "minmax":
            return low, high - low
        case _:
            k = int(histogram.argmax())
            return 0.0, float((bins[k] + bins[k + 1]) / 2)


def _slice(volume: Volume, z: int) -> FloatArray:
    """One slice, (y, x) float32 in [0, 1]."""
    unit: FloatArray = volume.read_unit(Box((z, 0, 0), (z + 1, *volume.shape[1:])))[0]
    return unit


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


@dataclass(frozen=True)
class CorrectedVolume:
    """A volume seen through its correction, mirrored at its borders."""

    volume: Volume
    correction: Correction

    @property
    def shape(self) -> Triple:
        return self.volume.shape

    def read(self, box: Box) -> FloatArray:
        """Corrected grey values of a box that may reach beyond the volume; (z, y, x) float32."""
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
