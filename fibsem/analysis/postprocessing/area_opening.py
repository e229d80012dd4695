"""Small components removed at every threshold at once: area opening and closing of levels [1]_.

An image of levels (see ``levels``) holds one binary image per threshold. Removing the solid
components of fewer than m pixels from each of them leaves a nested family again, whose levels are
the *area opening* of the image. Filling the small pores is the *area closing*: the opening of the
image upside down.

The opening needs the size of every component at every level. Pixels of one level that touch are a
*zone*. A zone that touches a higher one belongs to the hill of that one, and so on up to a peak;
what a hill has from some level up is connected, because the way to its peak leads upwards. So the
components at a level are the hills that reach it, joined where they touch at that level or above.
A picture of a hundred thousand pixels has some hundred hills, thousands where it is noisy, and the
components of all levels are those of one small graph whose nodes are (hill, level). A max-tree
holds the same [2]_, but that of scikit-image takes several times as long, one thread at a time.

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
#: Pixels; float64 where they were added up by weights.
NumberArray = npt.NDArray[np.number]


def remove_small_at_every_threshold(
    levels: LevelArray, count: int, min_sizes: Sequence[int]
) -> list[LevelArray]:
    """Flip small components at every threshold: solids first, then pores.

    Parameters
    ----------
    levels : (y, x) uint8 or uint16
        Number of thresholds at which a pixel is solid.
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
        Below the largest value of its type.
    min_sizes
        Fewest 4-connected pixels of a component; one image is returned for each.
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
    # a component grows downwards: as many levels are large as the highest large one says
    highest = [(joined[:, 1:] >= least).sum(axis=1) for least in min_sizes]
    return [np.minimum(level, top[hill]).astype(levels.dtype)[zones] for top in highest]


def _contacts(levels: LevelArray, zones: IntArray) -> tuple[IntArray, IntArray]:
    """Lower and higher zone of every pair of pixels that touch across a border of zones."""
    width = levels.shape[1]
    level, zone = levels.ravel(), zones.ravel()
    lower, higher = [], []
    for axis, step in ((1, 1), (0, width)):
        before, after = level[:-step], level[step:]
        for rises, near, far in ((before < after, 0, step), (before > after, step, 0)):
            if axis == 1:
                rises[width - 1 :: width] = False  # the next pixel begins another row
            at = np.flatnonzero(rises)
            lower.append(zone[at + near])
            higher.append(zone[at + far])
    return np.concatenate(lower), np.concatenate(higher)


def _hills(lower: IntArray, higher: IntArray, count: int) -> IntArray:
    """Number of the hill of every zone: upwards from neighbour to neighbour until there is none."""
    above = np.arange(count)
    above[lower] = higher  # any higher neighbour will do
    peak = above == np.arange(count)
    while not np.array_equal(above, further := above[above]):
        above = further
    return (peak.cumsum() - 1)[above]


def _saddles(
    first: IntArray, second: IntArray, level: IntArray, size: NumberArray, enough: int
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Pairs of hills that touch: the two, and from which to which level that matters.

    Up to the highest level at which they touch; and not where both are large enough by themselves,
    since whatever else they join is then large as well.
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
    """Pixels of the component of every hill at every level."""
    extent = size.shape[1]
    levels = stop - start + 1
    begin = levels.cumsum() - levels
    level = np.arange(levels.sum()) + np.repeat(start - begin, levels)
    edges = [np.repeat(hill * extent, levels) + level for hill in (first, second)]
    graph = coo_array((np.ones(level.size, bool), edges), shape=(size.size, size.size))
    component = connected_components(graph, directed=False)[1]
    return np.bincount(component, size.ravel())[component].reshape(size.shape)
