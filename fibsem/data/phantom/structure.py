"""The phantom's pores: level cuts of a Gaussian random field, plane by plane, and their depth.

The field is white noise on a coarse cubic lattice, filtered by a difference of two Gaussians. In
the plane this is done by Fourier transform on a periodic domain somewhat larger than the slice;
along z by a finite sum over lattice planes. A plane of structure is therefore a function of its
number alone, and the volume never has to exist: memory is that of some planes, whatever the number
of slices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from fibsem.data.phantom.recipe import PhantomRecipe, stream

Plane = NDArray[np.float32]
Spectrum = NDArray[np.complex64]


@dataclass(frozen=True)
class PeriodicPlane:
    """A periodic plane with ``step`` times as many pixels on each axis as points of noise."""

    points: tuple[int, int]
    step: int

    @classmethod
    def covering(cls, shape: tuple[int, int], step: int, margin_px: float) -> PeriodicPlane:
        """Return the smallest lattice, fast to transform, for a slice and ``margin_px`` more."""
        ny, nx = (
            scipy.fft.next_fast_len(max(4, math.ceil((n + margin_px) / step)), real=True)
            for n in shape
        )
        return cls((ny, nx), step)

    def gaussian(self, sigma_px: tuple[float, float]) -> Plane:
        """Transfer function of a Gaussian with the given s.d. (y, x) in pixels and unit sum."""
        ny, nx = self.points
        qy = 2 * np.pi * np.fft.fftfreq(ny, self.step)
        qx = 2 * np.pi * np.fft.rfftfreq(nx, self.step)
        transfer = np.exp(-0.5 * (qy[:, None] * sigma_px[0]) ** 2 - 0.5 * (qx * sigma_px[1]) ** 2)
        # Half of the highest frequency would be lost by padding; its amplitude is negligible.
        transfer[ny // 2] *= ny % 2
        transfer[:, -1] *= nx % 2
        return transfer.astype(np.float32)

    def mean_square(self, a: Plane, b: Plane) -> float:
        """Mean of a * b over both halves of the spectrum: covariance of noise filtered by both."""
        twice = np.full(a.shape[1], 2.0)
        twice[0] = 1.0
        total = ((a.astype(np.float64) * b) * twice).sum()
        return float(total / (self.points[0] * self.points[1]))

    def noise(self, rng: np.random.Generator) -> Spectrum:
        """Spectrum of white noise of unit variance."""
        white = rng.standard_normal(self.points, dtype=np.float32)
        spectrum: Spectrum = scipy.fft.rfft2(white)
        return spectrum

    def plane(self, spectrum: Spectrum) -> Plane:
        """Pixels of a spectrum by band-limited interpolation; float32 of shape points * step."""
        ny, nx = (n * self.step for n in self.points)
        half = (self.points[0] + 1) // 2
        tall = np.zeros((ny, spectrum.shape[1]), np.complex64)
        tall[:half] = spectrum[:half]
        tall[ny - (self.points[0] - half) :] = spectrum[half:]
        tall = scipy.fft.ifft(tall, axis=0, overwrite_x=True)
        pixels: Plane = scipy.fft.irfft(tall, n=nx, axis=1)
        pixels *= np.float32(self.step**2)
        return pixels


class Structure:
    """Pores of one sample, plane by plane.

    Planes should be requested in increasing or decreasing order: the noise around the last plane is
    cached, about 8 sigma planes of the lattice.

    Parameters
    ----------
    recipe : PhantomRecipe
    sample : str
        Name of the random streams.
    porosity : float
        Expected share of pore pixels; the level follows from the field's exact variance.
    shape : tuple of int
        (y, x) pixels that a plane must at least cover.

    Examples
    --------
    >>> pores = Structure(PhantomRecipe(), "film", 0.3, (64, 64)).pore(0)
    >>> pores.dtype, pores.shape >= (64, 64)
    (dtype('bool'), True)
    """

    def __init__(
        self, recipe: PhantomRecipe, sample: str, porosity: float, shape: tuple[int, int]
    ) -> None:
        self._seed, self._sample = recipe.seed, sample
        self._subplane_nm = recipe.subplane_nm
        self._sigma_nm = band_sigmas_nm(recipe.feature_nm, recipe.band_ratio)
        _, y_nm, x_nm = recipe.voxel_nm
        # At 0.8 sigma per point the spectrum is cut where the filter has fallen to 4e-4.
        step = max(1, math.floor(0.8 * self._sigma_nm[0] / max(y_nm, x_nm)))
        self.lattice = PeriodicPlane.covering(shape, step, 4 * self._sigma_nm[1] / min(y_nm, x_nm))
        self._spacing_nm = step * max(y_nm, x_nm)
        self._filters = [self.lattice.gaussian((s / y_nm, s / x_nm)) for s in self._sigma_nm]
        self._squares = [
            self.lattice.mean_square(self._filters[i], self._filters[j])
            for i, j in ((0, 0), (0, 1), (1, 1))
        ]
        self._level = NormalDist().inv_cdf(porosity)
        self._noise: dict[int, Spectrum] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Number of pixels (y, x) of a periodic plane."""
        return self.lattice.points[0] * self.lattice.step, self.lattice.points[
            1
        ] * self.lattice.step

    def pore(self, plane: int) -> NDArray[np.bool_]:
        """Pore pixels of one plane of structure; plane 0 is the surface of slice 0."""
        return self.field(plane) < np.float32(self._level)

    def field(self, plane: int) -> Plane:
        """The Gaussian random field on one plane, with zero mean and unit variance."""
        z_nm = plane * self._subplane_nm
        reach_nm = 4 * self._sigma_nm[1]
        near = range(
            math.ceil((z_nm - reach_nm) / self._spacing_nm),
            math.floor((z_nm + reach_nm) / self._spacing_nm) + 1,
        )
        self._keep(near)
        away_nm = np.array([k * self._spacing_nm - z_nm for k in near])
        narrow, wide = (_gaussian_weights(away_nm, s) for s in self._sigma_nm)
        spectrum = self._filters[0] * self._blend(near, narrow)
        spectrum -= self._filters[1] * self._blend(near, wide)
        variance = float(
            narrow @ narrow * self._squares[0]
            - 2 * (narrow @ wide) * self._squares[1]
            + wide @ wide * self._squares[2]
        )
        spectrum *= np.float32(1 / math.sqrt(variance))
        return self.lattice.plane(spectrum)

    def _keep(self, near: range) -> None:
        self._noise = {k: noise for k, noise in self._noise.items() if k in near}
        for k in near:
            if k not in self._noise:
                rng = stream(self._seed, self._sample, "structure", k)
                self._noise[k] = self.lattice.noise(rng)

    def _blend(self, near: range, weights: NDArray[np.float64]) -> Spectrum:
        # Summed in the order of the planes, so that the last bit does not depend on the history.
        total = np.zeros_like(self._noise[near[0]])
        term = np.empty_like(total)
        for k, weight in zip(near, weights, strict=True):
            total += np.multiply(self._noise[k], np.float32(weight), out=term)
        return total


def depths(
    structure: Structure, recipe: PhantomRecipe, slices: range
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield depths of the first solid along the line of sight, from the last slice to the first.

    Going upwards, a solid pixel has depth 0 and a pore pixel one more than the pixel that the
    tilted line meets one plane below. Hence only one plane of depths is kept.

    Yields
    ------
    z : int
        Number of the slice.
    depth : uint8 array (y, x)
        In planes of structure, at most ``recipe.look_down``; 0 is solid, larger values are pore.
        Covers the structure's periodic plane and is overwritten by the next step.
    """
    deepest = recipe.look_down
    per_plane_px = recipe.subplane_nm * math.tan(math.radians(recipe.tilt_deg)) / recipe.voxel_nm[1]
    depth = np.full(structure.shape, deepest, np.uint8)
    lowest = slices[-1] * recipe.subplanes + deepest - 1
    for plane in range(lowest, slices[0] * recipe.subplanes - 1, -1):
        shift = round((plane + 1) * per_plane_px) - round(plane * per_plane_px)
        depth = np.roll(depth, -shift, axis=0)
        depth += np.uint8(1)
        np.minimum(depth, np.uint8(deepest), out=depth)
        depth *= structure.pore(plane)
        z, below = divmod(plane, recipe.subplanes)
        if below == 0 and z in slices:
            yield z, depth


def band_sigmas_nm(feature_nm: float, band_ratio: float) -> tuple[float, float]:
    """S.d. of the two Gaussians whose difference passes wavelengths around ``feature_nm``."""
    peak = math.sqrt(4 * math.log(band_ratio) / (band_ratio**2 - 1))
    narrow = feature_nm * peak / (2 * math.pi)
    return narrow, narrow * band_ratio


def _gaussian_weights(away_nm: NDArray[np.float64], sigma_nm: float) -> NDArray[np.float64]:
    """Gaussian weights with unit sum: a field without its mean has no very long waves."""
    weights = np.exp(-0.5 * (away_nm / sigma_nm) ** 2)
    scaled: NDArray[np.float64] = weights / weights.sum()
    return scaled
