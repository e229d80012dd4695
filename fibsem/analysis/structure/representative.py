"""Representative volume: how the porosity of parts varies with their size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.cells import Cells

#: Smallest number of parts whose spread is reported.
FEWEST = 8
#: Half-width of a 95 % interval in standard deviations.
Z = 1.96


@dataclass(frozen=True)
class PartSpread:
    """Standard deviation of porosity over parts of a film.

    Attributes
    ----------
    side
        Edge of the cube with the volume of a part.
    parts
        Number of parts.
    sd
        Standard deviation of their porosities.
    """

    side: float
    parts: int
    sd: float


def spread_by_size(cells: Cells) -> list[PartSpread]:
    """Return the spread of porosity over parts of 1, 2, 4, ... cells along each axis.

    Incomplete parts at the end of the film, and parts less than half known, are left out.
    """
    return list(_spreads(cells))


def _spreads(cells: Cells) -> Iterator[PartSpread]:
    size = 1
    while True:
        edges = [min(size, n) for n in cells.known_voxels.shape]
        most_voxels = cells.known_voxels.max() * np.prod(edges)
        pores, voxels = (_summed(counts, edges) for counts in (cells.pores, cells.known_voxels))
        large = voxels >= 0.5 * most_voxels
        if large.sum() < FEWEST:
            return
        volume = float(np.prod(np.multiply(edges, cells.size)))
        sd = float(np.std(pores[large] / voxels[large], ddof=1))
        yield PartSpread(volume ** (1 / 3), int(large.sum()), sd)
        size *= 2


def _summed(counts: npt.NDArray[np.int64], edges: list[int]) -> npt.NDArray[np.int64]:
    """Sum counts over blocks of cells; incomplete blocks at the end are left out."""
    blocks = [n // e for n, e in zip(counts.shape, edges, strict=True)]
    cropped = counts[tuple(slice(b * e) for b, e in zip(blocks, edges, strict=True))]
    z, y, x = blocks
    summed: npt.NDArray[np.int64] = cropped.reshape(z, edges[0], y, edges[1], x, edges[2]).sum(
        (1, 3, 5)
    )
    return summed


def side_for(relative: float, porosity: float, integral_range: float) -> float:
    r"""Return the edge of a cube with a relative error of porosity of at most ``relative`` (95 %).

    .. math:: V = (1.96 / \epsilon)^2 \, A \, (1 - \phi) / \phi

    nan if the porosity is not positive.

    >>> round(side_for(0.1, 0.5, 1000.0))
    73
    """
    if not porosity > 0:
        return float("nan")
    volume = (Z / relative) ** 2 * integral_range * (1 - porosity) / porosity
    return float(volume ** (1 / 3))
