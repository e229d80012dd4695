"""Simulated imaging of a phantom: from depths to 16-bit grey values.

A pore shows the first solid along a tilted line of sight, darker with depth (shine-through); rims
are bright; solid has texture, charging patches and curtains; the beam blurs; every slice has its
own brightness; the grey value falls along x; the detector adds noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from fibsem.data.phantom.recipe import FilmRecipe, PhantomRecipe, stream
from fibsem.data.phantom.structure import PeriodicPlane, Plane, Structure, depths

CALIBRATION_SHAPE = (8, 512, 512)
# Finer than the finest texture, coarse enough to be cheap.
GAIN_STEP_PX = 2

_blur = partial(gaussian_filter, mode="nearest", truncate=3.0)


@dataclass(frozen=True)
class Gain:
    """Random brightness of solid: texture, patches and curtains as one Gaussian field.

    The sum of independent fields has the sum of their spectra, so one transform makes all three.
    """

    lattice: PeriodicPlane
    amplitude: Plane

    @classmethod
    def of(cls, recipe: PhantomRecipe, shape: tuple[int, int]) -> Gain:
        """Compute the spectrum of the brightness for slices of the given (y, x) shape."""
        lattice = PeriodicPlane.covering(shape, GAIN_STEP_PX, recipe.patch_px)
        power = np.zeros(lattice.gaussian((1, 1)).shape, np.float32)
        for share, length_px in (
            (recipe.texture_share, (recipe.texture_px, recipe.texture_px)),
            (recipe.patch_share, (recipe.patch_px, recipe.patch_px)),
            (recipe.curtain_share, (recipe.curtain_length_px, recipe.curtain_px)),
        ):
            smooth = lattice.gaussian(length_px)
            power += share**2 / lattice.mean_square(smooth, smooth) * smooth**2
        return cls(lattice, np.sqrt(power))

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
        """Draw the relative brightness around 1, float32 of the given (y, x) shape."""
        plane = self.lattice.plane(self.lattice.noise(rng) * self.amplitude)
        plane += np.float32(1)
        return plane[: shape[0], : shape[1]]


@dataclass(frozen=True)
class Exposure:
    """Affine map from signal (solid = 1) to grey values, for one sample."""

    signal_mean: float
    contrast: float


def grey_of_depth(recipe: PhantomRecipe) -> Plane:
    """Signal of a pixel by the depth it shows, in planes of structure; 1 for surface solid."""
    depth_nm = np.arange(recipe.look_down + 1) * recipe.subplane_nm
    fall = np.exp(-depth_nm / recipe.attenuation_nm)
    table = recipe.floor_share + (recipe.pore_share - recipe.floor_share) * fall
    table[0] = 1.0
    return table.astype(np.float32)


def signal(
    depth: NDArray[np.uint8], gain: Plane, recipe: PhantomRecipe, rng: np.random.Generator
) -> Plane:
    """Detector signal of one slice, before brightness and contrast are set.

    Parameters
    ----------
    depth : uint8 array (y, x)
        From :func:`depths`.
    gain : float32 array (y, x)
    recipe : PhantomRecipe
    rng : Generator
        For the noise.

    Returns
    -------
    float32 array (y, x)
    """
    light = grey_of_depth(recipe)[depth]
    solid = depth == 0
    rim = _blur((~solid).astype(np.float32), recipe.rim_px)
    light += np.float32(recipe.rim_share) * rim * solid
    light *= gain
    light = _blur(light, recipe.blur_px)
    spread = np.sqrt(np.float32(recipe.read_share**2) + np.float32(recipe.shot_share**2) * light)
    spread *= rng.standard_normal(depth.shape, dtype=np.float32)
    light += spread
    return light


def signals(
    recipe: PhantomRecipe, sample: str, porosity: float, shape: tuple[int, int], slices: range
) -> Iterator[tuple[int, NDArray[np.uint8], Plane]]:
    """Yield number, depth and signal, each (y, x), of the slices from the last to the first.

    Examples
    --------
    >>> slices = list(signals(PhantomRecipe(), "film", 0.3, (64, 64), range(2)))
    >>> [(z, signal.shape) for z, depth, signal in slices]
    [(1, (64, 64)), (0, (64, 64))]
    """
    structure = Structure(recipe, sample, porosity, shape)
    brightness = Gain.of(recipe, shape)
    for z, plane in depths(structure, recipe, slices):
        depth = plane[: shape[0], : shape[1]]
        gain = brightness.draw(stream(recipe.seed, sample, "gain", z), shape)
        yield z, depth, signal(depth, gain, recipe, stream(recipe.seed, sample, "noise", z))


def calibrate(recipe: PhantomRecipe, sample: str, film: FilmRecipe) -> Exposure:
    """Brightness and contrast that give a film its mean and s.d. (thesis table 3.1).

    Measured on a small separate stack, so that they neither depend on the size of the phantom nor
    require reading it first.
    """
    nz, ny, nx = CALIBRATION_SHAPE
    stack = signals(recipe, f"{sample} calibration", film.porosity, (ny, nx), range(nz))
    moments = np.array([(s.mean(dtype=float), np.square(s).mean(dtype=float)) for _, _, s in stack])
    mean, square = moments.mean(axis=0)
    outside = film.mean**2 * (recipe.gradient_share**2 / 12 + recipe.slice_jitter_share**2)
    return Exposure(mean, math.sqrt((film.std**2 - outside) / (square - mean**2)))


def expose(
    light: Plane,
    exposure: Exposure,
    film: FilmRecipe,
    recipe: PhantomRecipe,
    rng: np.random.Generator,
) -> NDArray[np.uint16]:
    """Set contrast, slice brightness and x-gradient, and round to 16 bits; uint16 (y, x)."""
    light -= np.float32(exposure.signal_mean)
    light *= np.float32(exposure.contrast)
    width = light.shape[1]
    along_x = (np.arange(width) - (width - 1) / 2) / max(width - 1, 1)
    jitter = recipe.slice_jitter_share * rng.standard_normal()
    light += (film.mean * (1 + jitter - recipe.gradient_share * along_x)).astype(np.float32)
    light *= np.float32(65535)
    np.rint(light, out=light)
    return np.clip(light, 0, 65535, out=light).astype(np.uint16)


def slices(
    recipe: PhantomRecipe, sample: str, which: range | None = None
) -> Iterator[tuple[int, NDArray[np.uint16], NDArray[np.bool_]]]:
    """Yield the slices of a sample, from the last to the first.

    Parameters
    ----------
    recipe : PhantomRecipe
    sample : str
        One of ``recipe.samples``.
    which : range, optional
        Increasing range of slice numbers with step 1; all by default. The slices are the same as
        those of the whole volume, byte by byte.

    Yields
    ------
    z : int
    image : uint16 array (y, x)
    solid : bool array (y, x)
        The exact truth at the surface of the slice.

    Notes
    -----
    Memory is that of some tens of planes, regardless of the number of slices.
    """
    nz, ny, nx = recipe.shape
    film = recipe.samples[sample]
    exposure = calibrate(recipe, sample, film)
    run = range(nz) if which is None else which
    for z, depth, light in signals(recipe, sample, film.porosity, (ny, nx), run):
        rng = stream(recipe.seed, sample, "brightness", z)
        yield z, expose(light, exposure, film, recipe, rng), depth == 0
