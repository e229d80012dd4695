"""Removal of small components at every threshold at once: area opening and closing of levels [1]_.

An image of levels (see ``levels``) holds one binary image per threshold. Removing the solid
components of fewer than m pixels from each of them leaves a nested family again, whose levels are
the *area opening* of the image. Filling small pores is the *area closing*: the opening of the
inverted image.

The opening needs the size of every component at every level. Connected pixels of one level form a
*zone*. A zone that touches a higher one belongs to the same *hill*, and so on up to a peak. The
part of a hill above any level is connected, because the path to its peak only rises. The components
at a level are therefore the hills that reach it, joined where they touch at that level or above.
An image of a hundred thousand pixels has some hundred hills, or thousands if it is noisy, and the
components of all levels are those of one small graph whose nodes are (hill, level). A max-tree
contains the same information [2]_, but that of scikit-image takes several times as long and is
single-threaded.

References
----------
.. [1] L. Vincent, Grayscale area openings and closings, their efficient implementation and
   applications, EURASIP Workshop on Mathematical Morphology (1993), 22-27.
.. [2] P. Salembier, A. Oliveras, L. Garrido, Antiextensive connected operators for image and
   sequence processing, IEEE Transactions on Image Processing 7 (1998), 555-570.
"""

from __future__ import annotations

from collections.abc import Sequence

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fibsem.analysis.postprocessing.levels import LevelArray

IntArray = npt.NDArray[np.intp]
#: Numbers of pixels; float64 where they are sums of weights.
NumberArray = npt.NDArray[np.number]


def remove_small_at_every_threshold(
    levels: LevelArray, count: int, min_sizes: Sequence[int]
) -> list[LevelArray]:
    """Flip small components at every threshold, solids first, then pores.

    Parameters
    ----------
    levels : (y, x) uint8 or uint16
        Number of thresholds at which each pixel is solid.
    count
        Number of thresholds.
    min_sizes
        4-connected components of fewer pixels are flipped.

    Returns
    -------
    list of (y, x) arrays
        The levels after ``steps.remove_small`` at every threshold, one image for each of
        ``min_sizes``.
    """
    top = levels.dtype.type(count)
    return [
        top - area_opening(top - opened, [size])[0]
        for size, opened in zip(min_sizes, area_opening(levels, min_sizes), strict=True)
    ]


def area_opening(levels: LevelArray, min_sizes: Sequence[int]) -> list[LevelArray]:
    """Lower every pixel to the highest level at which its component is large enough.

    Parameters
    ----------
    levels : (y, x) uint8 or uint16
        Levels, below the largest value of their dtype.
    min_sizes
        Smallest number of 4-connected pixels of a component; one image is returned for each.
    """
    zones = cc3d.connected_components(levels + levels.dtype.type(1), connectivity=4)
    zones = zones.astype(np.intp)  # from 1; number 0 is a zone without pixels
    area = np.bincount(zones.ravel())
    level = np.zeros(area.size, np.intp)
    level[zones.ravel()] = levels.ravel()
    lower, higher = _contacts(levels, zones)
    hill = _hills(lower, higher, area.size)
    extent = int(level.max()) + 1
    size = np.bincount(hill * extent + level, area.astype(float), (hill.max() + 1) * extent)
    size = size.reshape(-1, extent)[:, ::-1].cumsum(axis=1)[:, ::-1]
    saddles = _saddles(hill[lower], hill[higher], level[lower], size, max(min_sizes))
    joined = _joined(size, *saddles)
    # sizes fall with the level, so the count of large levels is the highest large level
    highest = [(joined[:, 1:] >= least).sum(axis=1) for least in min_sizes]
    return [np.minimum(level, top[hill]).astype(levels.dtype)[zones] for top in highest]


def _contacts(levels: LevelArray, zones: IntArray) -> tuple[IntArray, IntArray]:
    """Return the lower and the higher zone of every pair of neighbouring pixels that differ."""
    width = levels.shape[1]
    level, zone = levels.ravel(), zones.ravel()
    lower, higher = [], []
    for axis, step in ((1, 1), (0, width)):
        before, after = level[:-step], level[step:]
        for rises, near, far in ((before < after, 0, step), (before > after, step, 0)):
            if axis == 1:
                rises[width - 1 :: width] = False  # the next pixel is in another row
            at = np.flatnonzero(rises)
            lower.append(zone[at + near])
            higher.append(zone[at + far])
    return np.concatenate(lower), np.concatenate(higher)


def _hills(lower: IntArray, higher: IntArray, count: int) -> IntArray:
    """Return the hill of every zone, found by following higher neighbours up to a peak."""
    above = np.arange(count)
    above[lower] = higher  # any higher neighbour will do
    peak = above == np.arange(count)
    while not np.array_equal(above, further := above[above]):
        above = further
    return (peak.cumsum() - 1)[above]


def _saddles(
    first: IntArray, second: IntArray, level: IntArray, size: NumberArray, enough: int
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return pairs of touching hills, and the first and last level at which they must be joined.

    The last is the highest level at which they touch. Levels at which both hills are large enough
    on their own are skipped, because everything that they join is then large as well.
    """
    hills, extent = size.shape
    alone = (size[:, 1:] >= enough).sum(axis=1)
    touch = first != second
    first, second, level = first[touch], second[touch], level[touch]
    matters = level > np.minimum(alone[first], alone[second])
    first, second, level = first[matters], second[matters], level[matters]
    key = (np.minimum(first, second) * hills + np.maximum(first, second)) * extent + level
    key.sort()
    pair = key // extent
    highest = np.diff(pair, append=-1) != 0
    first, second = np.divmod(pair[highest], hills)
    return first, second, np.minimum(alone[first], alone[second]) + 1, key[highest] % extent


def _joined(
    size: NumberArray,
    first: IntArray,
    second: IntArray,
    start: IntArray,
    stop: IntArray,
) -> NumberArray:
    """Return the size in pixels of the component of every hill at every level."""
    extent = size.shape[1]
    levels = stop - start + 1
    begin = levels.cumsum() - levels
    level = np.arange(levels.sum()) + np.repeat(start - begin, levels)
    edges = [np.repeat(hill * extent, levels) + level for hill in (first, second)]
    graph = coo_array((np.ones(level.size, bool), edges), shape=(size.size, size.size))
    component = connected_components(graph, directed=False)[1]
    return np.bincount(component, size.ravel())[component].reshape(size.shape)
