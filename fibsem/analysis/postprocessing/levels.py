"""Smoothing and thresholding at every threshold at once.

The higher the threshold, the fewer pixels are solid: the binary images of one sigma are nested, and
one image of *levels* holds them all. The level of a pixel is the number of thresholds at which it
is solid, so that at threshold k (from 0, ascending) a pixel is solid if its level exceeds k.

This also holds after the second round. Its Gaussian has positive weights, and every rounding in a
sum of products is monotone: with fewer solid pixels after the first round no smoothed value is
larger, while the threshold that it is compared with is higher.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from fibsem.analysis.postprocessing.steps import TRUNCATE, FloatArray, smooth

#: uint8 up to 254 thresholds, uint16 beyond.
LevelArray = npt.NDArray[np.unsignedinteger]

#: Rows of one block of the Gaussian's matrix: few enough to skip most of its zeros, and enough for
#: a matrix product to be fast.
BLOCK = 32

#: Up to this many doubtful pixels are smoothed one by one, each in its window. If there are more,
#: as in an image that is all solid at a threshold of 1, the whole image is smoothed.
FEW = 32


def first_round(scores: FloatArray, sigma: float, thresholds: FloatArray) -> LevelArray:
    """Return the levels of the smoothed scores.

    Parameters
    ----------
    scores : (y, x) float32
        Scores of solid.
    sigma
        Standard deviation of the Gaussian in pixels.
    thresholds : (n,) float32
        In ascending order.

    Returns
    -------
    (y, x) uint8 or uint16
        Number of thresholds that each pixel reaches, 0 to n.
    """
    # one value stays free, so that area_opening can tell levels from a background
    dtype = np.min_scalar_type(thresholds.size + 1)
    return np.searchsorted(thresholds, smooth(scores, sigma), side="right").astype(dtype)


def second_round(levels: LevelArray, sigma: float, thresholds: FloatArray) -> LevelArray:
    """Return the levels after smoothing and thresholding every binary image once more.

    The result equals that of ``steps.smooth`` in every pixel, in a fraction of its time: both axes
    are smoothed by matrix products in float32, whose relative error is bounded, and the few pixels
    that are nearer to their threshold than this bound are smoothed again by ``steps.smooth``.

    Parameters
    ----------
    levels : (y, x) uint8 or uint16
        Number of thresholds that each pixel reaches in the first round.
    sigma, thresholds
        Standard deviation of the Gaussian in pixels, and ascending thresholds, as in the first
        round.

    Notes
    -----
    With u = 2**-24, a sum of n nonnegative numbers has a relative error below n u, in any order of
    summation [1]_. With n = 2 r + 1 weights that are rounded themselves, two axes, and the two
    roundings of scipy, which sums in float64 and rounds to float32 after each axis, that is
    (4 r + 5) u; the products of threshold and bound below add 2 u.

    References
    ----------
    .. [1] N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition (2002), 3.1.
    """
    reach = int(TRUNCATE * sigma + 0.5)
    error = (4 * reach + 8) * 2.0**-24
    rows, columns = (_blocks(extent, sigma) for extent in levels.shape)
    solid, half, smoothed = (np.empty(levels.shape, np.float32) for _ in range(3))
    mirrored = np.pad(levels, reach, mode="symmetric")
    result = np.zeros_like(levels)
    for k, threshold in enumerate(thresholds):
        np.greater(levels, k, out=solid, casting="unsafe")
        for inside, around, weights in rows:
            np.matmul(weights.T, solid[around], out=half[inside])
        for inside, around, weights in columns:
            np.matmul(half[:, around], weights, out=smoothed[:, inside])
        certain = smoothed >= np.float32(threshold * (1 + error))
        doubtful = (smoothed >= np.float32(threshold * (1 - error))) & ~certain
        result += certain
        if not doubtful.any():
            continue
        places = np.argwhere(doubtful)
        if len(places) > FEW:
            result += doubtful & (smooth(solid, sigma) >= threshold)
            continue
        for y, x in places:
            window = mirrored[y : y + 2 * reach + 1, x : x + 2 * reach + 1] > k
            result[y, x] += smooth(window.astype(np.float32), sigma)[reach, reach] >= threshold
    return result


@lru_cache(maxsize=128)
def _blocks(extent: int, sigma: float) -> list[tuple[slice, slice, FloatArray]]:
    """Return the Gaussian along one axis as a banded matrix, cut into blocks.

    Each block has a slice of outputs, the slice of inputs that they depend on, and the weights
    (inputs, outputs).
    """
    reach = int(TRUNCATE * sigma + 0.5)
    matrix = np.eye(extent)
    if sigma > 0:
        matrix = gaussian_filter1d(matrix, sigma, axis=0, mode="reflect", truncate=TRUNCATE)
    blocks = []
    for start in range(0, extent, BLOCK):
        inside = slice(start, min(start + BLOCK, extent))
        around = slice(max(0, start - reach), min(inside.stop + reach, extent))
        weights = np.ascontiguousarray(matrix[inside, around].T, np.float32)
        blocks.append((inside, around, weights))
    return blocks
