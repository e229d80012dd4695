"""Which pieces of the labelled regions stand for a whole split: few, fixed, and of known weight.

A split may hold sixty squares or forty whole slices; validation must not cost what the labels'
amount makes it cost. So a fixed number of pieces is drawn once. A piece is drawn with a probability
that grows with its labelled area and with its share of the rare class, and counts by the inverse of
that probability (Horvitz and Thompson, 1952): whatever is drawn more often counts less.
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

#: Side of a piece, about: regions are cut evenly.
SIDE = 128
#: Pieces that a split is scored on, at most: together as large as sixteen squares of 256 x 256.
MOST = 64
#: Pixels of a class on which a model is scored, about, where the pieces hold so many.
FEW = 4096
#: Side of a square over which figures vary independently, or nearly so: what errors are taken over.
SQUARE = 256


@dataclass(frozen=True)
class Pieces:
    """The pieces that stand for a split.

    Attributes
    ----------
    regions
        The pieces, each a part of a labelled region.
    weight
        How many pieces each stands for, at least 1.
    square
        Number of the square that each lies in: figures of one square are alike, and so are those of
        squares above each other, in other slices, which have one number.
    counts
        Labelled pores and solids of the whole split.
    """

    regions: tuple[Region, ...]
    weight: DoubleArray
    square: CountArray
    counts: tuple[int, int]

    def __len__(self) -> int:
        return len(self.regions)

    @property
    def sample(self) -> CountArray:
        """Number of the sample of each square, from 0."""
        return samples_of(self.square, self.regions)


def samples_of(square: npt.NDArray[np.integer], regions: Sequence[Region]) -> CountArray:
    """Number of the sample of each square, from the number of the square of each region."""
    number = {name: k for k, name in enumerate(dict.fromkeys(one.sample for one in regions))}
    samples = np.zeros(int(square.max()) + 1, np.int64)
    samples[square] = [number[one.sample] for one in regions]
    return samples


@dataclass(frozen=True)
class Parts:
    """Regions cut into parts of about one size.

    ``counts`` are their pores and solids, (n, 2); ``square`` is the number of the square that each
    lies in, of those that a region is made of from its corner on, whatever the slice.
    """

    regions: tuple[Region, ...]
    counts: CountArray
    square: CountArray

    def both_classes(self) -> CountArray:
        """Pores and solids of all together; refused where a class is missing."""
        total: CountArray = self.counts.sum(axis=0)
        if total.min() == 0:
            raise UserError("a split must hold pixels of both classes, but one class is missing.")
        return total


@dataclass(frozen=True, eq=False)
class Whole:
    """Labels of a region for its parts, which ask for them in turn: they are read for all at once.

    A slice of seven million pixels has four hundred parts.
    """

    read: Callable[[], LabelArray]

    def __call__(self) -> LabelArray:
        return _lately_read(self)


@lru_cache(maxsize=2)
def _lately_read(whole: Whole) -> LabelArray:
    labels = whole.read().view()
    labels.setflags(write=False)
    return labels


@dataclass(frozen=True)
class PartOf:
    """Labels of a part of a region, read with it."""

    read: Callable[[], LabelArray]
    part: tuple[slice, slice]

    def __call__(self) -> LabelArray:
        return self.read()[self.part]


def draw_pieces(regions: Sequence[Region], rng: np.random.Generator, most: int = MOST) -> Pieces:
    """Draw at most ``most`` pieces of the regions of a split.

    Half of the chance of a piece is its share of the labelled pixels, half its share of the rare
    class. The draw is systematic along the pieces in order of their own share of the rare class, so
    that every stratum of it is there in its proportion.

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
    kept = tuple(parts.regions[k] for k in chosen)
    return Pieces(
        kept,
        1 / probability[chosen],
        np.unique(parts.square[chosen], return_inverse=True)[1],
        (int(total[0]), int(total[1])),
    )


def cut_regions(regions: Sequence[Region], side: int) -> Parts:
    """Cut regions evenly; what holds no labelled pixel is left out.

    Notes
    -----
    Every label is read once, one region at a time.
    """
    parts: list[Region] = []
    counts: list[tuple[int, int]] = []
    squares: dict[tuple[str, int, int, int, int], int] = {}
    square: list[int] = []
    places = places_of(Spot.of(each.sample, each.box) for each in regions)
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
                place = (*spot, *inside)
                square.append(squares.setdefault(place, len(squares)))
    return Parts(
        tuple(parts), np.array(counts, np.int64).reshape(-1, 2), np.array(square, np.int64)
    )


def few_pixels(labels: Sequence[LabelArray], most: int = FEW) -> Pixels:
    """Some pixels of pieces, at most ``most`` of a class, for models that go pixel by pixel.

    They lie evenly among those of their class, which only ratios within a class are taken of.

    Parameters
    ----------
    labels
        (h, w) uint8 of each piece.
    most
        Pixels of a class.
    """
    chosen = [_evenly(labels, value, most) for value in (0, 1)]
    window, y, x = np.concatenate(chosen, axis=1)
    label = np.repeat(np.array([0, 1], np.uint8), [some.shape[1] for some in chosen])
    return Pixels(window, y, x, label).take(np.lexsort((x, y, window)))


def _evenly(labels: Sequence[LabelArray], value: int, most: int) -> npt.NDArray[np.int32]:
    """(window, y, x) of pixels of one class, (3, n), evenly among all of it."""
    places = [np.argwhere(part == value).astype(np.int32) for part in labels]
    window = np.repeat(np.arange(len(places), dtype=np.int32), [len(some) for some in places])
    even = np.linspace(0, len(window) - 1, min(most, len(window))).round().astype(int)
    every: npt.NDArray[np.int32] = np.vstack([window, np.concatenate(places).T])
    return every[:, even]


def inclusion(size: DoubleArray, most: int) -> DoubleArray:
    """Probabilities in proportion to ``size`` that sum up to ``most``; 1 for those beyond it.

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
    """Indices drawn with these probabilities, evenly along their order; as many as they sum up to.

    Every whole number, moved by one random fraction, falls into the interval of one of them.
    """
    ends = probability.cumsum()
    marks = rng.random() + np.arange(round(float(ends[-1])))
    drawn = np.searchsorted(ends, marks, side="right")
    return np.unique(np.minimum(drawn, len(ends) - 1))  # ends may be a rounding short


def _cut(height: int, width: int, side: int) -> Iterator[tuple[slice, slice]]:
    """Cut a rectangle evenly into pieces of about ``side``."""
    rows, columns = (
        np.linspace(0, extent, max(1, round(extent / side)) + 1).round().astype(int).tolist()
        for extent in (height, width)
    )
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            yield slice(top, bottom), slice(left, right)


def part_of(region: Region, part: tuple[slice, slice]) -> Region:
    """A rectangle of a region, (y, x) from its corner, as a region."""
    (z, y, x), (rows, columns) = region.box.start, part
    box = Box((z, y + rows.start, x + columns.start), (z + 1, y + rows.stop, x + columns.stop))
    truth = region.read_truth and PartOf(region.read_truth, part)
    return replace(region, box=box, read=PartOf(region.read, part), read_truth=truth)
