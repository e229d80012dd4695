"""Data augmentation of labelled windows.

The thesis used the eight-fold symmetry, and intensity shifts in its final training (thesis 3.6).
The other variations mimic differences between microscopes and sessions: contrast, focus, noise, and
the shape of pores.
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

#: Maximum pixels between neighbouring nodes of the displacement field; nodes are drawn
#: independently.
NODE_PX = 32


@dataclass(frozen=True)
class Augmentation:
    """Strengths of the augmentations; 0 switches one off.

    Attributes
    ----------
    symmetry
        Whether to apply the eight rotations and reflections.
    shift_sd, shift_probability
        Standard deviation of an offset added to all grey values of an image, and its probability.
        Like ``noise_sd`` it is in corrected grey values, that is in standard deviations of the
        sample if these are standardised.
    contrast_sd
        Standard deviation of the log factor that scales the grey values about the image mean.
    noise_sd
        Maximum standard deviation of white noise; each image draws its own.
    blur_px
        Maximum standard deviation of an in-plane Gaussian blur, in pixels.
    elastic_px
        Maximum standard deviation of smooth in-plane displacements of image and labels, in pixels
        (Simard, Steinkraus and Platt 2003).

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
        """Symmetry only, for normalisation statistics of images as they occur in use."""
        return Augmentation(self.symmetry)

    @property
    def bends(self) -> bool:
        """Whether windows are deformed elastically."""
        return self.elastic_px > 0

    def bend(self, side: int, rng: np.random.Generator, *, fixed: int | None = None) -> Bend:
        """Draw a displacement for ``side`` x ``side`` pixels; see :meth:`Bend.drawn`."""
        return Bend.drawn(side, rng.uniform(0, self.elastic_px), rng, fixed=fixed)

    def intensity(self, images: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Vary the grey values of each image of a batch (batch, y, x, z) independently.

        The order is that of the microscope: optics (blur), amplifier (contrast and offset), noise.
        The input may be changed in place.
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
    """Smooth displacement field: a pixel shows the original at an offset of (dy, dx).

    Both arrays are (side, side), in pixels.
    """

    dy: FloatArray
    dx: FloatArray

    @classmethod
    def drawn(
        cls, side: int, sd_px: float, rng: np.random.Generator, *, fixed: int | None = None
    ) -> Bend:
        """Draw normal displacements at nodes at most ``NODE_PX`` apart, with cubic splines between.

        Parameters
        ----------
        side
            Side of the window in pixels.
        sd_px
            Standard deviation at the nodes, in pixels.
        rng
            Random generator.
        fixed
            Row and column of a pixel that is not displaced, or None.
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
        """Deform an image (side, side, n_z), with linear interpolation and a repeated border."""
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
        """Deform labels by nearest neighbour and return every ``stride``-th pixel.

        Parameters
        ----------
        labels
            Labels of a whole region, (h, w), or other values of its pixels.
        corner
            Row and column in ``labels`` of the first pixel to return.
        before
            Row and column of that pixel in the window; both are equal.
        count, stride
            Number of pixels along each side, and their distance.

        Returns
        -------
        ndarray, (count, count)
            ``IGNORE`` for pixels outside the region.
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
