"""Pore counts by slice and by cell, from which the variation of porosity is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fibsem.analysis.structure.film import NEITHER, PORE, Film, Phases, Spacing
from fibsem.geometry import Triple

Counts = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]

#: Largest number of cells of a film; it limits the size of the Fourier transforms over them.
MOST_CELLS = 2**19


@dataclass(frozen=True)
class Cells:
    """Number of pore and known voxels in every cell, (z, y, x); ``size`` is a cell's size."""

    pores: Counts
    known_voxels: Counts
    size: Spacing

    @property
    def porosity(self) -> float:
        """Share of pores among the known voxels."""
        return float(self.pores.sum() / self.known_voxels.sum())


def cell_of(film: Film) -> Triple:
    """Return the voxels (z, y, x) of a cell: nearly a cube, as small as ``MOST_CELLS`` allows.

    A cell is never larger than the film: in a single slice it is a square.

    >>> cell_of(Film.of(np.zeros((64, 640, 640), np.uint8), (50.0, 10.0, 10.0)))
    (2, 8, 8)
    >>> cell_of(Film.of(np.zeros((1, 1536, 2048), np.uint8)))
    (1, 3, 3)
    """
    side = min(film.spacing)
    while True:
        z, y, x = (
            min(n, max(1, round(side / step)))
            for n, step in zip(film.shape, film.spacing, strict=True)
        )
        cells = [-(-n // c) for n, c in zip(film.shape, (z, y, x), strict=True)]
        if math.prod(cells) <= MOST_CELLS:
            return z, y, x
        side += min(film.spacing)


class CellCounts:
    """Pore voxels and known voxels by cell and by slice, of a film that is added slab by slab.

    Attributes
    ----------
    pores, known_voxels
        Pore voxels and known voxels of every slice.

    Examples
    --------
    >>> labels = np.ones((2, 4, 4), np.uint8)
    >>> labels[0, :2] = PORE
    >>> counts = CellCounts(Film.of(labels))
    >>> counts.add(0, labels)
    >>> counts.porosity(), counts.profile.tolist()
    (0.25, [0.5, 0.0])
    """

    def __init__(self, film: Film) -> None:
        self.cell, self._spacing, self._shape = cell_of(film), film.spacing, film.shape
        counts = [-(-n // c) for n, c in zip(film.shape, self.cell, strict=True)]
        self._pores, self._known_voxels = np.zeros(counts, np.int64), np.zeros(counts, np.int64)
        self.pores, self.known_voxels = (np.zeros(film.shape[0], np.int64) for _ in range(2))

    def add(self, z: int, slab: Phases) -> None:
        for k, image in enumerate(slab, z):
            for kind, cells, slices in (
                (image == PORE, self._pores, self.pores),
                (image != NEITHER, self._known_voxels, self.known_voxels),
            ):
                counts = self._summed(kind)
                cells[k // self.cell[0]] += counts
                slices[k] = counts.sum()

    def _summed(self, image: npt.NDArray[np.bool_]) -> Counts:
        """Count the set pixels of an image by cell."""
        y, x = (np.arange(0, n, c) for n, c in zip(image.shape, self.cell[1:], strict=True))
        rows = np.add.reduceat(image, x, axis=1, dtype=np.uint16)
        return np.add.reduceat(rows, y, axis=0, dtype=np.int64)

    @property
    def gaps(self) -> tuple[int, ...]:
        """Slices without any known voxel, between slices with some."""
        filled = np.flatnonzero(self.known_voxels)
        between = np.arange(filled[0], filled[-1]) if filled.size else filled
        return tuple(np.setdiff1d(between, filled).tolist())

    @property
    def cells(self) -> Cells:
        """The counts by cell; cells at the end of the film may have fewer known voxels."""
        z, y, x = (c * step for c, step in zip(self.cell, self._spacing, strict=True))
        return Cells(self._pores, self._known_voxels, (z, y, x))

    @property
    def known_cells(self) -> npt.NDArray[np.bool_]:
        """Mask (z, y, x) of the cells in which every voxel is known."""
        z, y, x = (
            np.minimum(c, n - np.arange(0, n, c))
            for n, c in zip(self._shape, self.cell, strict=True)
        )
        mask: npt.NDArray[np.bool_] = self._known_voxels == z[:, None, None] * y[:, None] * x
        return mask

    @property
    def profile(self) -> Array:
        """Porosity of every slice; nan for slices without a known voxel."""
        none = np.full(self.pores.shape, np.nan)
        return np.divide(self.pores, self.known_voxels, out=none, where=self.known_voxels > 0)

    def porosity(self, thickness: Sequence[float] | None = None) -> float:
        """Return the porosity of the film, with slices weighted by ``thickness`` if given."""
        weights = np.ones(len(self.known_voxels)) if thickness is None else np.asarray(thickness)
        return float((self.pores * weights).sum() / (self.known_voxels * weights).sum())
