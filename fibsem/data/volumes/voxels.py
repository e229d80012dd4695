"""Voxels as arrays: the values that a volume may hold, and how large they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Size (z, y, x) in nm, None where unknown.
VoxelNm = tuple[float | None, float | None, float | None]
Voxels = npt.NDArray[Any]

DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
UNKNOWN_NM: VoxelNm = (None, None, None)
