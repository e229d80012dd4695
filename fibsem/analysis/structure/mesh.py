"""Triangle mesh of the surface between pores and solid, coarsened for films with many voxels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from skimage.measure import marching_cubes

from fibsem.analysis.structure.film import NEITHER, SOLID, Film, Phases
from fibsem.geometry import Triple

#: Vertices (n, 3) as x, y, z in the unit of the spacing, and triangles (m, 3) of vertex indices.
Mesh = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]
Shares = npt.NDArray[np.float32]

#: Layers of cells that are meshed at once.
LAYERS = 32


def surface_mesh(film: Film, cell: float) -> Iterator[Mesh]:
    """Yield the triangles of the surface in consecutive parts along z.

    Marching cubes are applied to the share of solid among the known voxels of cells with side
    ``cell``: larger cells give a coarser surface. The faces of the film are left open, and the
    surface ends where no voxel is known.

    Parameters
    ----------
    cell
        Side of a cell in the unit of the spacing; raised to the longest side of a voxel, because
        slices would otherwise show as steps.
    """
    z, y, x = mesh_cell(film, cell)
    sides = [n * step for n, step in zip((z, y, x), film.spacing, strict=True)]
    below: Shares | None = None
    for start, slab in film.slabs(LAYERS * z):
        if len(slab) < z:
            return
        shares = _shares(slab, (z, y, x))
        layers = shares if below is None else np.concatenate([below, shares])
        first = start // z - (0 if below is None else 1)
        below = shares[-1:]
        lowest, highest = (_over_corners(layers, of) for of in (np.minimum, np.maximum))
        if not ((lowest < 0.5) & (highest > 0.5)).any():
            continue
        known = np.zeros(layers.shape, np.bool_)
        known[1:, 1:, 1:] = ~np.isnan(lowest)  # the mask of a cube is read at its last corner
        corners, triangles, _, _ = marching_cubes(
            np.nan_to_num(layers), 0.5, allow_degenerate=False, mask=known
        )
        corners = (corners + 0.5 + (first, 0, 0)) * sides
        yield corners[:, ::-1].astype(np.float32), triangles.astype(np.int32)


def mesh_cell(film: Film, cell: float) -> Triple:
    """Return the voxels (z, y, x) of a cell with side ``cell``, at least that of a voxel.

    >>> mesh_cell(Film.of(np.zeros((4, 8, 8), np.uint8), (50.0, 10.0, 10.0)), 20.0)
    (1, 5, 5)
    """
    side = max(cell, *film.spacing)
    z, y, x = (max(1, round(side / step)) for step in film.spacing)
    return z, y, x


def _shares(slab: Phases, cell: Triple) -> Shares:
    """Return the share of solid among the known voxels of every cell, nan if there are none.

    Incomplete cells at the end are left out.
    """
    (z, y, x), (d, h, w) = cell, (n // c for n, c in zip(slab.shape, cell, strict=True))
    cells = slab[: d * z, : h * y, : w * x].reshape(d, z, h, y, w, x)
    solid, known_voxels = (
        kind.sum((1, 3, 5), dtype=np.float32) for kind in (cells == SOLID, cells != NEITHER)
    )
    return np.divide(solid, known_voxels, out=np.full_like(solid, np.nan), where=known_voxels > 0)


def _over_corners(layers: Shares, of: np.ufunc) -> Shares:
    """Return the minimum or maximum over the eight corners of every cube; nan if one is nan."""
    for axis in range(3):
        ours = np.moveaxis(layers, axis, 0)
        layers = np.moveaxis(of(ours[:-1], ours[1:]), 0, axis)
    return layers
