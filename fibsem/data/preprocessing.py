"""Correction of grey values: intensity gradient and scaling (thesis 3.2), fitted per sample.

The recipe belongs to the model; its values are fitted to each volume from a few evenly spaced
slices. Nothing is normalised per patch: the value of a pixel would then depend on the patch, and
patch and dense evaluation would differ.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from fibsem.data.material import Extent
from fibsem.data.volumes import Volume
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple
from fibsem.system.advice import RANGE, VALID
from fibsem.system.records import Stored, refuse_unknown_keys

Gradient = Literal["x", "y", "none"]
Scaling = Literal["standardise", "none", "minmax", "mode"]
GRADIENTS: tuple[Gradient, ...] = ("x", "y", "none")
SCALINGS: tuple[Scaling, ...] = ("standardise", "none", "minmax", "mode")

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
#: Box of a slice, its grey values in [0, 1], (1, y, x), and which pixels are material, (y, x), or
#: None for all.
MaterialSlice = tuple[Box, FloatArray, BoolArray | None]

#: Spread of grey values in [0, 1] below which they are constant but for rounding.
FLAT = 1e-6


@refuse_unknown_keys
@dataclass(frozen=True)
class Recipe:
    """What to correct in the grey values of a sample, in this order: gradient, then scaling.

    Attributes
    ----------
    gradient
        Axis along which a straight line is subtracted, ``x`` or ``y``, or ``none`` (thesis 3.2).
    scaling
        ``standardise`` to mean 0 and standard deviation 1, ``minmax``, ``mode``, or ``none``.

    Raises
    ------
    UserError
        If either has another value.

    Examples
    --------
    >>> Recipe(scaling="none")
    Recipe(gradient='x', scaling='none')
    """

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
class Correction(Stored):
    """A recipe fitted to one sample: ``(grey - slope (x - centre) - offset) / scale``.

    Grey values are in [0, 1]; ``slope`` is per pixel along the recipe's axis. ``centre`` is the
    mean position of the material along it, so that subtracting the line keeps the mean.

    Examples
    --------
    A row of even grey values, of which a line of 0.1 a pixel is taken off:

    >>> line = Correction(Recipe(), slope=0.1, centre=1.0, offset=0.5, scale=0.2)
    >>> grey = np.full((1, 1, 3), 0.5, np.float32)
    >>> line.apply(grey, Box((0, 0, 0), (1, 1, 3))).round(3).tolist()
    [[[0.5, 0.0, -0.5]]]
    """

    recipe: Recipe
    slope: float
    centre: float
    offset: float
    scale: float

    def apply(self, grey: FloatArray, box: Box) -> FloatArray:
        """Correct grey values in [0, 1] of a box, (z, y, x) float32; returns a new array."""
        if self.recipe.gradient == "none":
            line: FloatArray = np.zeros(1, np.float32)
        else:
            axis = 1 if self.recipe.gradient == "y" else 2
            position = np.arange(box.start[axis], box.stop[axis]) - self.centre
            line = (self.slope * position).astype(np.float32)
            line = line[:, None] if axis == 1 else line
        corrected: FloatArray = grey - line
        corrected -= np.float32(self.offset)  # in place, as whole slices may be large
        corrected /= np.float32(self.scale)
        return corrected


@dataclass(frozen=True)
class GreyProfile:
    """Mean grey value along an axis, and the line fitted to it.

    The line has the mean grey value of the material, ``level``, at its mean position, ``centre``.
    """

    profile: FloatArray
    slope: float
    centre: float
    level: float

    @property
    def line(self) -> npt.NDArray[np.float64]:
        """The fitted straight line at every position."""
        position = np.arange(self.profile.size) - self.centre
        line: npt.NDArray[np.float64] = np.float64(self.slope) * position + self.level
        return line


def evenly_spaced(depth: int, most: int = 20) -> list[int]:
    """Return at most ``most`` evenly spaced slice numbers, including the first and the last."""
    return sorted({round(z) for z in np.linspace(0, depth - 1, min(most, depth))})


def material_slices(
    shape: Triple, extent: Extent | None, missing: Container[int], most: int = 20
) -> Iterator[tuple[Box, BoolArray | None]]:
    """Yield boxes of at most ``most`` evenly spaced slices, with a mask of their material.

    A slice that is ``missing`` or has no material is replaced by the nearest with some. The mask is
    None if all of a slice is material.
    """
    spaced = evenly_spaced(shape[0], most)
    for z in spaced if extent is None else sorted({extent.stand_in(z, missing) for z in spaced}):
        inside = None if extent is None else extent.inside(z)
        yield Box((z, 0, 0), (z + 1, *shape[1:])), inside


def read_material(
    volume: Volume, extent: Extent | None = None, most: int = 20
) -> Iterator[MaterialSlice]:
    """Read at most ``most`` evenly spaced slices of a volume, each with a mask of its material."""
    for box, inside in material_slices(volume.shape, extent, volume.missing, most):
        yield box, volume.read_unit(box), inside


def mean_profile(slices: Iterable[MaterialSlice], axis: Literal["x", "y"]) -> GreyProfile:
    """Mean grey value along an axis and its least-squares line (thesis Figure 3.5).

    Only material counts. A position without any gets the mean of the others, and no weight in the
    fit.
    """
    across = 0 if axis == "x" else 1
    means, weights = [], []
    for _, grey, inside in slices:
        shown = grey[0] if inside is None else grey[0] * inside
        means.append(shown.mean(axis=across, dtype=np.float64))
        weights.append(np.ones(means[-1].size) if inside is None else inside.mean(axis=across))
    total, weight = np.mean(means, axis=0), np.mean(weights, axis=0)
    covered = weight > 0
    profile = np.divide(total, weight, out=np.zeros_like(total), where=covered)
    profile[~covered] = profile[covered].mean() if covered.any() else 0.0
    middle = (profile.size - 1) / 2
    position = np.arange(profile.size) - middle
    total_weight = max(float(weight.sum()), FLAT)
    aside = float(weight @ position) / total_weight
    position -= aside
    spread = float(weight @ position**2)
    slope = float((weight * position) @ profile) / spread if spread else 0.0
    level = float(weight @ profile) / total_weight
    return GreyProfile(profile.astype(np.float32), slope, middle + aside, level)


def fit_correction(
    volume: Volume, recipe: Recipe, *, most_slices: int = 20, extent: Extent | None = None
) -> Correction:
    """Fit a recipe to a volume from at most ``most_slices`` evenly spaced slices.

    Only material counts, if an extent is given. Memory is that of one slice. ``mode`` divides by
    the centre of the fullest bin of the grey values, of width 1/1024, ignoring saturated ones:
    clipped black pores are no grey value to divide by.

    Raises
    ------
    UserError
        If nothing is material, or the grey values do not vary, so that there is nothing to scale.

    Examples
    --------
    >>> from fibsem.data.volumes import ArrayVolume
    >>> rows, columns = np.indices((8, 8), np.uint8)
    >>> grey = (100 + 50 * (rows // 4) + columns)[None]  # two bands, brighter along x
    >>> round(255 * fit_correction(ArrayVolume(grey), Recipe(scaling="none")).slope, 6)
    1.0
    """
    slope = centre = 0.0
    if recipe.gradient != "none":
        fitted = mean_profile(read_material(volume, extent, most_slices), recipe.gradient)
        slope, centre = fitted.slope, fitted.centre
    line = Correction(recipe, slope, centre, 0.0, 1.0)
    scaling = "minmax" if recipe.scaling == "none" else recipe.scaling
    slices = read_material(volume, extent, most_slices)
    offset, scale = _scaling(slices, line, scaling, volume.path)
    if scale > FLAT:
        return line if recipe.scaling == "none" else replace(line, offset=offset, scale=scale)
    if recipe.scaling == "none":
        low, high = volume.value_range
        raise UserError(
            f"a film must have grey values that vary within its range, but {volume.path} is "
            f"constant within [{low:g}, {high:g}]; {RANGE.at('[low,high]')} says what "
            "is black and white."
        )
    raise UserError(
        f"`preprocess.scaling={recipe.scaling}` needs grey values that vary, but {volume.path} "
        "is constant where it is not saturated; the choices are another volume or a model "
        "trained with preprocess.scaling=none."
    )


def _scaling(
    slices: Iterable[MaterialSlice], line: Correction, scaling: Scaling, film: Path
) -> tuple[float, float]:
    """Offset and scale of the grey values of a film, after its gradient is subtracted."""
    count, total, squares = 0, 0.0, 0.0
    low, high = np.inf, -np.inf
    bins = np.linspace(-0.5, 1.5, 2049)
    histogram = np.zeros(bins.size - 1, dtype=np.int64)
    for box, stored, inside in slices:
        grey = line.apply(stored, box).astype(np.float64)
        if inside is not None:
            stored, grey = stored[0, inside], grey[0, inside]
        if not grey.size:
            continue
        count += grey.size
        total += float(grey.sum())
        squares += float((grey**2).sum())
        low, high = min(low, float(grey.min())), max(high, float(grey.max()))
        if scaling == "mode":
            histogram += np.histogram(grey[(stored > 0) & (stored < 1)], bins)[0]
    if not count:
        raise UserError(
            f"a film must show material, but nothing of {film} counts as such; the choices "
            f"are {VALID.at('all')}, a mask that is not 0 everywhere, or another volume."
        )
    match scaling:
        case "standardise":
            mean = total / count
            return mean, float(np.sqrt(max(squares / count - mean**2, 0.0)))
        case "minmax":
            return low, high - low
        case _:
            k = int(histogram.argmax())
            return 0.0, float((bins[k] + bins[k + 1]) / 2)
