"""Geodesic tortuosity: the shortest way through the pores over the straight one."""

from __future__ import annotations

import numpy as np
from skimage.graph import MCP_Geometric

from fibsem.analysis.structure.film import PORE, Phases, Spacing


def geodesic_tortuosity(phases: Phases, spacing: Spacing, axis: int) -> float:
    """Mean length of the shortest ways from one face of a block to the pores of the other.

    Ways go from voxel to voxel by faces, edges and corners, of voxels that are long on an axis in
    as many parts as make them about cubes: in steps of whole ones, a way that climbs at 45 degrees
    through slices of five pixels would be a quarter too long. Between cubes it is up to an eighth.
    Both faces lie at the centres of their parts, and the mean is over those of the last face that
    can be reached from the first.

    Returns
    -------
    float
        At least 1; nan where no pore leads through, or the block is a single voxel deep.

    Notes
    -----
    Memory: some forty bytes for every part.
    """
    if phases.shape[axis] < 2:
        return float("nan")
    phases, spacing = _in_cubes(phases, spacing)
    depth = phases.shape[axis]
    costs = np.where(phases == PORE, 1.0, -1.0)  # negative: no way
    first = np.argwhere(np.take(phases, 0, axis=axis) == PORE)
    if not len(first):
        return float("nan")
    starts = np.insert(first, axis, 0, axis=1)
    ways, _ = MCP_Geometric(costs, sampling=spacing).find_costs(starts)
    last = np.take(ways, -1, axis=axis)
    lengths = last[np.isfinite(last)]
    return float(lengths.mean()) / ((depth - 1) * spacing[axis]) if lengths.size else float("nan")


def _in_cubes(phases: Phases, spacing: Spacing) -> tuple[Phases, Spacing]:
    """Voxels cut into parts that are about cubes, and the size of such a part."""
    parts = [max(1, round(step / min(spacing))) for step in spacing]
    for axis, count in enumerate(parts):
        phases = np.repeat(phases, count, axis=axis)
    z, y, x = (step / count for step, count in zip(spacing, parts, strict=True))
    return phases, (z, y, x)
