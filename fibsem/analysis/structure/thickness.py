r"""Pore sizes as local thickness: the largest ball in the pores that covers a voxel (c-PSD).

Hildebrand, Ruegsegger, J. Microsc. 185 (1997) 67. A ball of radius r is the set of voxels whose
centres are less than r from its own; the pores are opened by it in two distance transforms, the
first to the solid, the second to where centres fit. Both take the spacing of the voxels, so that
a ball is round in nanometres. What is not known, or outside, does not hold a ball back.
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
        Of the balls that were tried, rising.
    volumes
        Pore voxels of which each is the largest that covers them; the first entry is what none
        covers, so there is one more.
    """

    diameters: tuple[float, ...]
    volumes: tuple[int, ...]

    @property
    def at_least(self) -> tuple[float, ...]:
        """Share of the pore volume that is covered by a ball of each diameter or a larger one.

        Nan where there are no pores.
        """
        tails = np.cumsum(self.volumes[::-1])[::-1]
        return tuple((tails[1:] / (tails[0] or np.nan)).tolist())

    def quantile(self, share: float) -> float:
        """Diameter below which this share of the pore volume lies, between two by a straight line.

        Nan where there are no pores, or no ball covers so much of them: what nothing is known of,
        or what an intrusion does not reach, has no size. The largest diameter where the rest lies
        above it.
        """
        if not any(self.volumes) or share < 1 - self.at_least[0]:
            return float("nan")
        below = 1 - np.array([1.0, *self.at_least])
        return float(np.interp(share, below, [0.0, *self.diameters]))

    def around(self, share: float) -> tuple[float, float]:
        """Diameters that were tried, between which :meth:`quantile` lies; nan where it is.

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
        """From the numbers that :func:`local_thickness` gives."""
        counts = np.bincount(sizes[pores], minlength=len(diameters) + 1)
        return cls(tuple(diameters), tuple(counts.tolist()))

    def __add__(self, other: PoreSizes) -> PoreSizes:
        """Volumes of two parts of a film added up; both have the same diameters."""
        both = np.add(self.volumes, other.volumes)
        return PoreSizes(self.diameters, tuple(both.tolist()))


def diameters_up_to(most: float, spacing: Spacing, count: int = 12) -> tuple[float, ...]:
    """Diameters from one pixel to ``most``: odd numbers of pixels, each about as much longer.

    >>> diameters_up_to(90.0, (50.0, 10.0, 10.0), count=4)
    (10.0, 30.0, 50.0, 90.0)
    """
    pixel = min(spacing)
    widest = max(1.0, most / pixel)
    odd = 2 * np.rint((np.geomspace(1, widest, count) - 1) / 2) + 1
    return tuple((pixel * np.unique(odd)).tolist())


def radius_of(diameter: float, spacing: Spacing) -> float:
    """Radius of the ball that spans a diameter: its outermost voxels count as a whole.

    >>> radius_of(30.0, (50.0, 10.0, 10.0))
    20.0
    """
    return (diameter + min(spacing)) / 2


def local_thickness(phases: Phases, diameters: Sequence[float], spacing: Spacing) -> Sizes:
    """Number of the largest ball that covers each voxel, 1 for the first diameter; 0: none.

    Parameters
    ----------
    phases : (z, y, x) uint8
        0 pore, 1 solid, 2 neither.
    diameters
        Rising, fewer than 255.

    Returns
    -------
    (z, y, x) uint8
        0 outside of the pores, too.
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
    """Voxels around a block that its local thickness depends on: twice the largest radius."""
    return film.voxels_of(2 * radius_of(max(diameters), film.spacing))


def thickness_of_blocks(
    film: Film, blocks: Sequence[Box], diameters: Sequence[float]
) -> Iterator[tuple[Box, Sizes, PoreSizes]]:
    """Local thickness of parts of a film, as it is in the whole one.

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
