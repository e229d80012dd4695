"""Weighted pieces of the labelled regions that represent a whole split in validation.

A split may hold sixty squares or forty whole slices, but the cost of validation must not depend on
the amount of labels. So a fixed number of pieces is drawn once. The probability of a piece grows
with its labelled area and with its share of the rare class, and its weight is the inverse of this
probability (Horvitz and Thompson, 1952).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.labels import IGNORE, LabelArray
from fibsem.data.dataset.samples import Region
from fibsem.data.sampling import Pixels
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.places import Spot, places_of

DoubleArray = npt.NDArray[np.float64]
CountArray = npt.NDArray[np.int64]

#: Approximate side of a piece in pixels; regions are cut evenly.
SIDE = 128
#: Maximum number of pieces of a split: together as large as sixteen squares of 256 x 256.
MOST = 64
#: Approximate number of pixels of a class to score a model on, if the pieces hold so many.
FEW = 4096
#: Side in pixels of a square over which figures are nearly independent; the unit for errors.
SQUARE = 256


@dataclass(frozen=True)
class Pieces:
    """The pieces that represent a split.

    Attributes
    ----------
    regions
        The pieces, each part of a labelled region.
    weight
        Number of pieces that each piece represents, at least 1.
    square
        Index of the square that each piece lies in. Figures of one square are alike, and so are
        figures of squares above each other in other slices, which share an index.
    counts
        Number of labelled pore and solid pixels of the whole split.
    """

    regions: tuple[Region, ...]
    weight: DoubleArray
    square: CountArray
    counts: tuple[int, int]

    def __len__(self) -> int:
        return len(self.regions)

    @property
    def sample(self) -> CountArray:
        """Index of the sample of each square, from 0."""
        return samples_of(self.square, self.regions)


def samples_of(square: npt.NDArray[np.integer], regions: Sequence[Region]) -> CountArray:
    """Return the index of the sample of each square, given the square of each region."""
    number = {name: k for k, name in enumerate(dict.fromkeys(region.sample for region in regions))}
    samples = np.zeros(int(square.max()) + 1, np.int64)
    samples[square] = [number[region.sample] for region in regions]
    return samples


@dataclass(frozen=True)
class Parts:
    """Regions cut into parts of about equal size.

    ``counts`` are the pore and solid pixels of each part, (n, 2). ``square`` is the index of its
    square; squares divide a region from its corner on, regardless of the slice.
    """

    regions: tuple[Region, ...]
    counts: CountArray
    square: CountArray

    def both_classes(self) -> CountArray:
        """Return the total of pore and solid pixels, or raise UserError if a class is missing."""
        total: CountArray = self.counts.sum(axis=0)
        if total.min() == 0:
            raise UserError("a split must hold pixels of both classes, but one class is missing.")
        return total


@dataclass(frozen=True, eq=False)
class Whole:
    """Labels of a whole region, cached for its parts, which are read one after the other.

    A slice of seven million pixels has four hundred parts, and would be decoded for each.
    """

    read: Callable[[], LabelArray]

    def __call__(self) -> LabelArray:
        return _lately_read(self)


@lru_cache(maxsize=2)
def _lately_read(region_labels: Whole) -> LabelArray:
    labels = region_labels.read().view()
    labels.setflags(write=False)
    return labels


@dataclass(frozen=True)
class PartOf:
    """Labels of a part of a region, cut from those of the region."""

    read: Callable[[], LabelArray]
    part: tuple[slice, slice]

    def __call__(self) -> LabelArray:
        return self.read()[self.part]


def draw_pieces(regions: Sequence[Region], rng: np.random.Generator, most: int = MOST) -> Pieces:
    """Draw at most ``most`` pieces from the regions of a split.

    A piece's probability is given half by its share of the labelled pixels and half by its share of
    the rare class. The draw is systematic along the pieces sorted by their own fraction of the rare
    class, so that every stratum is represented in proportion.

    Raises
    ------
    UserError
        If a class is missing.
    """
    parts = cut_regions(regions, SIDE)
    total = parts.both_classes()
    rare, area = int(total.argmin()), parts.counts.sum(axis=1)
    size = area / area.sum() + parts.counts[:, rare] / total[rare]
    probability = inclusion(size, most)
    order = np.lexsort((rng.random(len(area)), parts.counts[:, rare] / area))
    chosen = np.sort(order[systematic(probability[order], rng)])
    pieces = tuple(parts.regions[k] for k in chosen)
    return Pieces(
        pieces,
        1 / probability[chosen],
        np.unique(parts.square[chosen], return_inverse=True)[1],
        (int(total[0]), int(total[1])),
    )


def cut_regions(regions: Sequence[Region], side: int) -> Parts:
    """Cut regions evenly into parts, leaving out those without a labelled pixel.

    Notes
    -----
    All labels are read once, one region at a time.
    """
    parts: list[Region] = []
    counts: list[tuple[int, int]] = []
    squares: dict[tuple[str, int, int, int, int], int] = {}
    square: list[int] = []
    places = places_of(Spot.of(r.sample, r.box) for r in regions)
    for region, spot in zip(regions, places, strict=True):
        region = replace(region, read=Whole(region.read))
        labels = region.read()
        height, width = labels.shape
        for part in _cut(height, width, side):
            values = np.bincount(labels[part].ravel(), minlength=IGNORE + 1)
            if values[:2].any():
                parts.append(part_of(region, part))
                counts.append((int(values[0]), int(values[1])))
                inside = part[0].start // SQUARE, part[1].start // SQUARE
                corner = (*spot, *inside)
                square.append(squares.setdefault(corner, len(squares)))
    return Parts(
        tuple(parts), np.array(counts, np.int64).reshape(-1, 2), np.array(square, np.int64)
    )


def few_pixels(labels: Sequence[LabelArray], most: int = FEW) -> Pixels:
    """Choose at most ``most`` pixels of each class, for models that predict pixel by pixel.

    They are evenly spaced within their class; only ratios within a class are computed from them.

    Parameters
    ----------
    labels
        Labels of each piece, (h, w) uint8.
    most
        Maximum number of pixels of a class.
    """
    chosen = [_evenly(labels, value, most) for value in (0, 1)]
    window, y, x = np.concatenate(chosen, axis=1)
    label = np.repeat(np.array([0, 1], np.uint8), [counts.shape[1] for counts in chosen])
    return Pixels(window, y, x, label).take(np.lexsort((x, y, window)))


def _evenly(labels: Sequence[LabelArray], value: int, most: int) -> npt.NDArray[np.int32]:
    """Return evenly spaced pixels of one class as (window, y, x), (3, n)."""
    places = [np.argwhere(window_labels == value).astype(np.int32) for window_labels in labels]
    window = np.repeat(np.arange(len(places), dtype=np.int32), [len(pixels) for pixels in places])
    even = np.linspace(0, len(window) - 1, min(most, len(window))).round().astype(int)
    every: npt.NDArray[np.int32] = np.vstack([window, np.concatenate(places).T])
    return every[:, even]


def inclusion(size: DoubleArray, most: int) -> DoubleArray:
    """Return probabilities proportional to ``size`` that sum to ``most``, each at most 1.

    >>> inclusion(np.array([1.0, 1.0, 2.0]), 2), inclusion(np.array([1.0, 1.0, 8.0]), 2)
    (array([0.5, 0.5, 1. ]), array([0.5, 0.5, 1. ]))
    """
    certain = np.full(size.shape, len(size) <= most)
    probability = np.ones_like(size)
    while not certain.all():
        rest = most - int(certain.sum())
        probability = np.where(certain, 1.0, rest * size / size[~certain].sum())
        if not (probability > 1).any():
            break
        certain |= probability > 1
    return probability


def systematic(probability: DoubleArray, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Draw as many indices as the probabilities sum to, evenly along their order.

    The integers, shifted by one random fraction, select the cumulative intervals they fall into.
    """
    ends = probability.cumsum()
    marks = rng.random() + np.arange(round(float(ends[-1])))
    drawn = np.searchsorted(ends, marks, side="right")
    return np.unique(np.minimum(drawn, len(ends) - 1))  # the sum may be rounded down


def _cut(height: int, width: int, side: int) -> Iterator[tuple[slice, slice]]:
    """Cut a rectangle evenly into pieces with sides of about ``side``."""
    rows, columns = (
        np.linspace(0, extent, max(1, round(extent / side)) + 1).round().astype(int).tolist()
        for extent in (height, width)
    )
    for y0, y1 in pairwise(rows):
        for x0, x1 in pairwise(columns):
            yield slice(y0, y1), slice(x0, x1)


def part_of(region: Region, part: tuple[slice, slice]) -> Region:
    """Return a rectangle of a region, in rows and columns from its corner, as a region."""
    (z, y, x), (rows, columns) = region.box.start, part
    box = Box((z, y + rows.start, x + columns.start), (z + 1, y + rows.stop, x + columns.stop))
    truth = region.read_truth and PartOf(region.read_truth, part)
    return replace(region, box=box, read=PartOf(region.read, part), read_truth=truth)
