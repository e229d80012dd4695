"""What is made of labelled windows before a network learns from them: further views of pores.

Eight-fold symmetry is the study's, and shifts of intensity are of its final training (thesis 3.6).
The rest is what images of another microscope, or another day, may differ by: contrast, focus,
noise, and the shape of pores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fibsem.data.dataset.labels import IGNORE

FloatArray = npt.NDArray[np.float32]

#: Pixels between two places that are displaced independently.
NODE_PX = 32


@dataclass(frozen=True)
class Augmentation:
    """How windows are varied; a strength of 0 leaves a variation out.

    Attributes
    ----------
    symmetry
        Rotations and mirrorings, eight-fold.
    shift_sd, shift_probability
        Standard deviation of what is added to all grey values of an image, with this probability;
        in corrected grey values, which are standard deviations of the sample where it is
        standardised. So is ``noise_sd``.
    contrast_sd
        Of the logarithm by which an image's grey values are stretched about their mean.
    noise_sd
        Most of the standard deviation of white noise; each image has its own.
    blur_px
        Most of the standard deviation of a Gaussian blur in the plane, in pixels.
    elastic_px
        Most of the standard deviation of smooth displacements in the plane, of image and labels
        alike, in pixels (Simard, Steinkraus and Platt 2003).

    Examples
    --------
    >>> images = np.ones((2, 3, 3, 1), np.float32)
    >>> Augmentation().intensity(images, np.random.default_rng(0)) is images
    True
    """

    symmetry: bool = True
    shift_sd: float = 0.0
    shift_probability: float = 0.0
    contrast_sd: float = 0.0
    noise_sd: float = 0.0
    blur_px: float = 0.0
    elastic_px: float = 0.0

    @property
    def in_use(self) -> Augmentation:
        """Variation that images in use have, too: for statistics of what a network will see."""
        return Augmentation(self.symmetry)

    @property
    def bends(self) -> bool:
        """Whether images and labels are displaced."""
        return self.elastic_px > 0

    def bend(self, side: int, rng: np.random.Generator, *, fixed: int | None = None) -> Bend:
        """A displacement of images of ``side`` x ``side`` pixels; see :meth:`Bend.drawn`."""
        return Bend.drawn(side, rng.uniform(0, self.elastic_px), rng, fixed=fixed)

    def intensity(self, images: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Vary the grey values of each image of a batch (batch, y, x, z) by its own amount.

        First what the optics do, then the amplifier, then the noise. The batch that is given may be
        changed.
        """
        shape = (len(images), 1, 1, 1)
        if self.blur_px:
            for image, sigma in zip(images, rng.uniform(0, self.blur_px, len(images)), strict=True):
                ndimage.gaussian_filter(image, (sigma, sigma, 0), output=image, mode="nearest")
        if self.contrast_sd:
            factor = np.exp(rng.normal(0, self.contrast_sd, shape)).astype(np.float32)
            mean = images.mean((1, 2, 3), keepdims=True)
            images = mean + factor * (images - mean)
        if self.shift_sd and self.shift_probability:
            shift = rng.normal(0, self.shift_sd, shape)
            shift *= rng.random(shape) < self.shift_probability
            images = images + shift.astype(np.float32)
        if self.noise_sd:
            sd = rng.uniform(0, self.noise_sd, shape).astype(np.float32)
            images = images + sd * rng.standard_normal(images.shape, np.float32)
        return images


@dataclass(frozen=True)
class Bend:
    """A smooth displacement: what is seen at a pixel of a window lies (dy, dx) from it.

    Both are (side, side), in pixels.
    """

    dy: FloatArray
    dx: FloatArray

    @classmethod
    def drawn(
        cls, side: int, sd_px: float, rng: np.random.Generator, *, fixed: int | None = None
    ) -> Bend:
        """Normal at places ``NODE_PX`` apart, cubic splines between.

        Parameters
        ----------
        side
            Of the window.
        sd_px
            Standard deviation at the places.
        rng
            Source of randomness.
        fixed
            Row and column of the pixel that stays where it is, if any.
        """
        nodes = math.ceil(side / NODE_PX) + 1
        line = np.linspace(0, nodes - 1, side)
        at = np.stack(np.meshgrid(line, line, indexing="ij"))
        fields = rng.normal(0, sd_px, (2, nodes, nodes)).astype(np.float32)
        dy, dx = (ndimage.map_coordinates(field, at, order=3, mode="nearest") for field in fields)
        if fixed is not None:
            dy, dx = (field - field[fixed, fixed] for field in (dy, dx))
        return cls(dy, dx)

    def image(self, image: FloatArray) -> FloatArray:
        """An image (side, side, n_z) as it is seen, linear between pixels, its rim continued."""
        side = len(image)
        line = np.arange(side, dtype=np.float32)
        at = np.stack([line[:, None] + self.dy, line + self.dx])
        slices = [
            ndimage.map_coordinates(image[..., z], at, order=1, mode="nearest")
            for z in range(image.shape[-1])
        ]
        return np.stack(slices, axis=-1)

    def labels(
        self, labels: npt.NDArray[Any], corner: tuple[int, int], before: int, count: int,
        stride: int,
    ) -> npt.NDArray[Any]:  # fmt: skip
        """The labels that are seen at every ``stride``-th pixel, of what lies nearest.

        Parameters
        ----------
        labels
            All of a region, (h, w), or other values of its pixels.
        corner
            Row and column among these of the first pixel that is asked for.
        before
            Row and column of this pixel in the window.
        count, stride
            How many are asked for along each side, and how far apart they are.

        Returns
        -------
        ndarray, (count, count)
            ``IGNORE`` for what lies outside of the region.
        """
        steps = stride * np.arange(count)
        places = np.ix_(before + steps, before + steps)
        y = np.rint(corner[0] + steps[:, None] + self.dy[places]).astype(int)
        x = np.rint(corner[1] + steps + self.dx[places]).astype(int)
        height, width = labels.shape
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        bent = np.full((count, count), IGNORE, labels.dtype)
        bent[inside] = labels[y[inside], x[inside]]
        return bent
