r"""Pore sizes as local thickness: the largest ball in the pores that covers a voxel (c-PSD).

Hildebrand, Ruegsegger, J. Microsc. 185 (1997) 67. A ball of radius r is the set of voxels whose
centres are less than r from its own. The pores are opened by it with two distance transforms, one
to the solid and one to the possible centres. Both use the spacing of the voxels, so that a ball is
round in nanometres. Unknown voxels and the border of the film do not limit a ball.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.distances import Mask, distance_to, reaches
from fibsem.analysis.structure.film import PORE, SOLID, Film, Phases, Spacing
from fibsem.geometry import Box

Sizes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PoreSizes:
    """Distribution of pore volume over pore sizes.

    Attributes
    ----------
    diameters
        Diameters of the balls that were tried, in ascending order.
    volumes
        Number of pore voxels by the largest ball that covers them; the first entry counts voxels
        that no ball covers, so there is one entry more than diameters.
    """

    diameters: tuple[float, ...]
    volumes: tuple[int, ...]

    @property
    def at_least(self) -> tuple[float, ...]:
        """Share of the pore volume covered by a ball of at least each diameter; nan if no pores."""
        tails = np.cumsum(self.volumes[::-1])[::-1]
        return tuple((tails[1:] / (tails[0] or np.nan)).tolist())

    def quantile(self, share: float) -> float:
        """Return the diameter below which a share of the pore volume lies, by interpolation.

        nan without pores, or if the quantile lies in the volume that no ball covers, such as pores
        that an intrusion does not reach. The largest diameter if the quantile lies above it.
        """
        if not any(self.volumes) or share < 1 - self.at_least[0]:
            return float("nan")
        below = 1 - np.array([1.0, *self.at_least])
        return float(np.interp(share, below, [0.0, *self.diameters]))

    def around(self, share: float) -> tuple[float, float]:
        """Return the two tried diameters that enclose :meth:`quantile`; nan if it is nan.

        >>> PoreSizes((10.0, 20.0, 40.0), (0, 50, 25, 25)).around(0.6)
        (20.0, 40.0)
        """
        if np.isnan(self.quantile(share)):
            return float("nan"), float("nan")
        below, tried = 1 - np.array([1.0, *self.at_least]), [0.0, *self.diameters]
        k = min(max(int(np.searchsorted(below, share)), 1), len(tried) - 1)
        return tried[k - 1], tried[k]

    @classmethod
    def of(cls, sizes: Sizes, pores: Mask, diameters: Sequence[float]) -> PoreSizes:
        """Count the sizes that :func:`local_thickness` returns."""
        counts = np.bincount(sizes[pores], minlength=len(diameters) + 1)
        return cls(tuple(diameters), tuple(counts.tolist()))

    def __add__(self, other: PoreSizes) -> PoreSizes:
        """Add the volumes of two parts of a film; both must have the same diameters."""
        volumes = np.add(self.volumes, other.volumes)
        return PoreSizes(self.diameters, tuple(volumes.tolist()))


def diameters_up_to(most: float, spacing: Spacing, count: int = 12) -> tuple[float, ...]:
    """Return diameters from one pixel to ``most``: odd numbers of pixels, about geometric.

    >>> diameters_up_to(90.0, (50.0, 10.0, 10.0), count=4)
    (10.0, 30.0, 50.0, 90.0)
    """
    pixel = min(spacing)
    widest = max(1.0, most / pixel)
    odd = 2 * np.rint((np.geomspace(1, widest, count) - 1) / 2) + 1
    return tuple((pixel * np.unique(odd)).tolist())


def radius_of(diameter: float, spacing: Spacing) -> float:
    """Return the radius of the ball with a diameter that includes its outermost voxels entirely.

    >>> radius_of(30.0, (50.0, 10.0, 10.0))
    20.0
    """
    return (diameter + min(spacing)) / 2


def local_thickness(phases: Phases, diameters: Sequence[float], spacing: Spacing) -> Sizes:
    """Return the number of the largest ball that covers each voxel, 1 for the first diameter.

    Parameters
    ----------
    phases : (z, y, x) uint8
        0 pore, 1 solid, 2 neither.
    diameters
        In ascending order, fewer than 255.

    Returns
    -------
    (z, y, x) uint8
        0 for voxels that no ball covers, and outside of the pores.
    """
    room = distance_to(phases == SOLID, spacing)
    sizes = np.zeros(phases.shape, np.uint8)
    for number, diameter in enumerate(diameters, start=1):
        radius = radius_of(diameter, spacing)
        centres = reaches(room, radius)
        if not centres.any():
            break
        sizes[~reaches(distance_to(centres, spacing), radius)] = number
    sizes[phases != PORE] = 0
    return sizes


def halo_of(diameters: Sequence[float], film: Film) -> tuple[int, int, int]:
    """Return the halo (z, y, x) in voxels that local thickness needs: twice the largest radius."""
    return film.voxels_of(2 * radius_of(max(diameters), film.spacing))


def thickness_of_blocks(
    film: Film, blocks: Sequence[Box], diameters: Sequence[float]
) -> Iterator[tuple[Box, Sizes, PoreSizes]]:
    """Yield the local thickness of blocks of a film, identical to that of the whole film.

    Notes
    -----
    Memory: that of one block with its halo, about ten bytes a voxel with edt and thirty without.
    """
    for block in blocks:
        around = block.grow(halo_of(diameters, film)).clip(film.shape)
        phases = film.read(around)
        inner = tuple(
            slice(a - b, a - b + n)
            for a, b, n in zip(block.start, around.start, block.shape, strict=True)
        )
        sizes = local_thickness(phases, diameters, film.spacing)[inner]
        yield block, sizes, PoreSizes.of(sizes, phases[inner] == PORE, diameters)
