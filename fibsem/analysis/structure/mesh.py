"""The surface between pores and solid as triangles, coarsened where a film has too many voxels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from skimage.measure import marching_cubes

from fibsem.analysis.structure.film import SOLID, Film, Phases
from fibsem.geometry import Triple

#: Corners (n, 3) as x, y, z in the unit of the spacing, and triangles (m, 3) of their numbers.
Mesh = tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]
Shares = npt.NDArray[np.float32]

#: Layers of cells that are looked at together.
LAYERS = 32


def surface_mesh(film: Film, cell: float) -> Iterator[Mesh]:
    """Triangles of the surface, in parts one behind the other along z.

    Marching cubes on the share of solid in cells of about ``cell``: a coarser surface for a larger
    one. What is not known counts as pore. The faces of the film are left open.

    Parameters
    ----------
    cell
        Side of a cell in the unit of the spacing; at least that of the thickest voxel, because
        slices would be steps.
    """
    side = max(cell, *film.spacing)
    z, y, x = (max(1, round(side / step)) for step in film.spacing)
    sides = [n * step for n, step in zip((z, y, x), film.spacing, strict=True)]
    below: Shares | None = None
    for start, slab in film.slabs(LAYERS * z):
        if len(slab) < z:
            return
        shares = _shares(slab, (z, y, x))
        layers = shares if below is None else np.concatenate([below, shares])
        first = start // z - (0 if below is None else 1)
        below = shares[-1:]
        if min(layers.shape) < 2 or layers.min() >= 0.5 or layers.max() <= 0.5:
            continue
        corners, triangles, _, _ = marching_cubes(layers, 0.5, allow_degenerate=False)
        corners = (corners + 0.5 + (first, 0, 0)) * sides
        yield corners[:, ::-1].astype(np.float32), triangles.astype(np.int32)


def _shares(slab: Phases, cell: Triple) -> Shares:
    """Share of solid in cells; what does not fill one at the end is left out."""
    (z, y, x), (d, h, w) = cell, (n // c for n, c in zip(slab.shape, cell, strict=True))
    whole = slab[: d * z, : h * y, : w * x] == SOLID
    shares: Shares = whole.reshape(d, z, h, y, w, x).mean((1, 3, 5), dtype=np.float32)
    return shares
