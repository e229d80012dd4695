"""Geodesic tortuosity: the shortest way through the pores over the straight one."""

from __future__ import annotations

import numpy as np
from skimage.graph import MCP_Geometric

from fibsem.analysis.structure.film import PORE, Phases, Spacing


def geodesic_tortuosity(phases: Phases, spacing: Spacing, axis: int) -> float:
    """Mean length of the shortest ways from one face of a block to the pores of the other.

    Ways go from voxel to voxel by faces, edges and corners; both faces lie at the centres of their
    voxels, and the mean is over the pore voxels of the last face that can be reached.

    Returns
    -------
    float
        At least 1; nan where no pore leads through, or the block is a single voxel deep.
    """
    depth = phases.shape[axis]
    if depth < 2:
        return float("nan")
    costs = np.where(phases == PORE, 1.0, -1.0)  # negative: no way
    first = np.argwhere(np.take(phases, 0, axis=axis) == PORE)
    if not len(first):
        return float("nan")
    starts = np.insert(first, axis, 0, axis=1)
    ways, _ = MCP_Geometric(costs, sampling=spacing).find_costs(starts)
    last = np.take(ways, -1, axis=axis)
    lengths = last[np.isfinite(last)]
    return float(lengths.mean()) / ((depth - 1) * spacing[axis]) if lengths.size else float("nan")
