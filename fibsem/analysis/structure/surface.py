r"""Specific surface between pores and solid by Crofton's formula, from intersections of lines.

.. math:: S_V = 2 \sum_k w_k \, n_k / \ell_k

with :math:`n_k` changes of class between voxels that are neighbours in direction k,
:math:`\ell_k` the total length of these pairs, and :math:`w_k` the share of the sphere that is
nearest to the direction. Counting faces of voxels finds about 1.5 times as much. Directions are
those of the 13 neighbours in a cubic lattice: if slices are thicker than a pixel, pairs span as
many pixels as make up a slice. Ohser, Muecklich, Statistical Analysis of Microstructures in
Materials Science, Wiley 2000, chapter 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.spatial import SphericalVoronoi

from fibsem.analysis.structure.film import NEITHER, Film, Phases, Spacing
from fibsem.geometry import Triple


def directions_of(spacing: Spacing) -> list[Triple]:
    """Return the steps (z, y, x) in voxels to 13 neighbours, one of each opposite pair.

    >>> directions_of((5.0, 1.0, 1.0))[-1]
    (1, 5, 5)
    """
    reach = [max(1, round(max(spacing) / step)) for step in spacing]
    ahead = [step for step in product((0, 1), (-1, 0, 1), (-1, 0, 1)) if step > (0, 0, 0)]
    steps = [[s * r for s, r in zip(step, reach, strict=True)] for step in ahead]
    return [(z // d, y // d, x // d) for z, y, x in steps for d in [math.gcd(z, y, x)]]


def weights_of(spacing: Spacing) -> npt.NDArray[np.float64]:
    """Return the share of the sphere nearest to each direction or its opposite; they sum to 1."""
    steps = np.multiply(directions_of(spacing), spacing)
    unit = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    areas = SphericalVoronoi(np.concatenate([unit, -unit])).calculate_areas()
    both: npt.NDArray[np.float64] = areas[: len(unit)] + areas[len(unit) :]
    return both / both.sum()


def weights_in_slices(spacing: Spacing) -> npt.NDArray[np.float64]:
    """Return the share of the circle nearest to each direction within a slice, 0 for the others.

    >>> weights_in_slices((50.0, 10.0, 10.0))[:4].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    steps = np.multiply(directions_of(spacing), spacing)
    inside = np.flatnonzero(steps[:, 0] == 0)
    angles = np.arctan2(steps[inside, 1], steps[inside, 2]) % math.pi
    order = np.argsort(angles)
    gaps = np.diff(angles[order], append=angles[order[0]] + math.pi)  # each to the next one
    weights = np.zeros(len(steps))
    weights[inside[order]] = (gaps + np.roll(gaps, 1)) / (2 * math.pi)
    return weights


class Surface:
    """Accumulator of changes of class in every direction."""

    def __init__(self, film: Film) -> None:
        self._spacing, self._steps = film.spacing, directions_of(film.spacing)
        self._changes, self._pairs = (np.zeros(len(self._steps), np.int64) for _ in range(2))
        self._reach = max(z for z, _, _ in self._steps)
        self._before: list[Phases] = []

    def add(self, z: int, slab: Phases) -> None:
        for image in slab:
            self._before = [*self._before[-self._reach :], image]
            for k, (up, y, x) in enumerate(self._steps):
                if up < len(self._before):
                    self._count(k, self._before[-1 - up], image, y, x)
        self._before = [image.copy() for image in self._before]  # so that the slab can be freed

    def _count(self, k: int, below: Phases, image: Phases, y: int, x: int) -> None:
        """Count the pairs of pixels of two slices that are (y, x) apart."""
        (a, b), (c, d) = _shifted(y), _shifted(x)
        near, other = below[a, c], image[b, d]
        together = near + other  # 1: pore and solid; 2 or more: neither, or both solid
        unknown = np.count_nonzero((near == NEITHER) | (other == NEITHER))
        self._changes[k] += np.count_nonzero(together == 1)
        self._pairs[k] += near.size - unknown

    @property
    def per_volume(self) -> float:
        """Surface per volume, in one over the unit of the spacing; nan without a known pair."""
        return 2 * self._cuts(weights_of(self._spacing))

    @property
    def outline_per_area(self) -> float:
        r"""Length of the outlines in slices per area; nan without a known pair.

        Crofton's formula in the plane, :math:`L_A = \frac{\pi}{2} \sum_k w_k \, n_k / \ell_k`; for
        an isotropic surface it is :math:`\frac{\pi}{4} S_V`.
        """
        return math.pi / 2 * self._cuts(weights_in_slices(self._spacing))

    def _cuts(self, weights: npt.NDArray[np.float64]) -> float:
        """Return the weighted mean over directions of changes of class per length."""
        used = (self._pairs > 0) & (weights > 0)
        if not used.any():
            return float("nan")
        lengths = np.linalg.norm(np.multiply(self._steps, self._spacing), axis=1)
        cuts = self._changes[used] / (self._pairs[used] * lengths[used])
        return float(np.average(cuts, weights=weights[used]))


def porosity_per_px_of_slices(images: Iterable[Phases], spacing: Spacing) -> float:
    """Return the change of a film's porosity if outlines move by one pixel in every slice.

    Parameters
    ----------
    images
        Classes of slices, (y, x) uint8: 0 pore, 1 solid, 2 neither.
    spacing
        (z, y, x) distance of neighbouring voxels, in any unit.

    Returns
    -------
    float
        Change of the porosity for a pixel; nan where no slice shows material.

    Examples
    --------
    >>> labels = np.ones((1, 100, 100), np.uint8)
    >>> labels[:, :, :50] = 0  # an outline of 100 pixels, which sweeps 1 % when it is moved by one
    >>> round(porosity_per_px_of_slices(labels, (5.0, 5.0, 5.0)), 2)
    0.01
    """
    outlines, known_px = [], []
    for image in images:
        surface = Surface(Film.of(image[None], spacing))
        surface.add(0, image[None])
        if np.isfinite(surface.outline_per_area):
            outlines.append(surface.outline_per_area)
            known_px.append(np.count_nonzero(image != NEITHER))
    per_area = float(np.average(outlines, weights=known_px)) if outlines else float("nan")
    return porosity_per_px(per_area, spacing)


def porosity_per_px(outline: float, spacing: Spacing) -> float:
    """Return the change of porosity if all outlines move by one pixel within their slices.

    Parameters
    ----------
    outline
        Length of the outlines per area.
    spacing
        (z, y, x); one pixel is the smaller of y and x.

    >>> porosity_per_px(0.006, (5.0, 10.0, 10.0))
    0.06
    """
    return outline * min(spacing[1:])


def _shifted(by: int) -> tuple[slice, slice]:
    """Return slices of two rows whose elements are ``by`` pixels apart."""
    if by >= 0:
        return slice(None, -by or None), slice(by, None)
    return slice(-by, None), slice(None, by)
