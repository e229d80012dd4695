"""Exact Euclidean distance transforms on anisotropic voxels."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from fibsem.analysis.structure.film import Spacing

Mask = npt.NDArray[np.bool_]
Distances = npt.NDArray[np.float32]

#: Relative tolerance of comparisons: more than float32 rounding, less than two distances differ by.
ROUNDING = 1e-5


def distance_to(mask: Mask, spacing: Spacing) -> Distances:
    """Return the distance of every voxel to the nearest voxel of a mask, from centre to centre.

    Parameters
    ----------
    mask : (z, y, x) bool
        Nothing outside of the array counts as mask.
    spacing
        (z, y, x).

    Returns
    -------
    (z, y, x) float32
        0 in the mask; infinite everywhere if the mask is empty.

    Notes
    -----
    With the package edt (the extra ``structure``) it is several times as fast and takes a third of
    the memory: SciPy takes about 24 bytes a voxel.
    """
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    if find_spec("edt") is not None:
        import edt

        distances: Distances = edt.edt(np.ascontiguousarray(~mask), anisotropy=spacing)
        return distances
    return distance_transform_edt(~mask, sampling=spacing).astype(np.float32)


def reaches(distances: Distances, radius: float) -> Mask:
    """Return where distances are at least a radius, up to float32 rounding.

    >>> reaches(np.float32([1.9, 1.9999999, 2]), 2.0).tolist()
    [False, True, True]
    """
    reached: Mask = distances >= radius * (1 - ROUNDING)
    return reached
