"""Types of voxels: the dtypes that a volume may have, and the voxel size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Voxel size (z, y, x) in nm, None on an axis where it is unknown.
VoxelNm = tuple[float | None, float | None, float | None]
Voxels = npt.NDArray[Any]

DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
UNKNOWN_NM: VoxelNm = (None, None, None)
