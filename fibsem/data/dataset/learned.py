"""Which squares a model has learned from, identified by the content of their slices.

Splits are drawn anew when squares are added, so a square that an earlier model was trained on may
now be in the test split. Test scores of a training that starts from this model are then too good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.digests import slice_digests
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import Split
from fibsem.geometry import Box

#: First row, last row + 1, first column, last column + 1.
Edges = tuple[int, int, int, int]
#: Squares by the digest of their slice.
Learned = Mapping[str, Sequence[Edges]]


def learned_squares(dataset: Dataset) -> Learned:
    """Return the squares of the training and validation splits by the digest of their slice."""
    learned: dict[str, list[Edges]] = {}
    regions = [*dataset.regions("train"), *dataset.regions("val")]
    for region, digest in _digested(dataset, regions):
        learned.setdefault(digest, []).append(_edges(region.box))
    return learned


def merged(parts: Iterable[Learned]) -> Learned:
    """Merge the squares that several models have learned from, without duplicates.

    >>> merged([{"a": [(0, 8, 0, 8)]}, {"a": [(0, 8, 0, 8), (8, 16, 0, 8)]}])
    {'a': [(0, 8, 0, 8), (8, 16, 0, 8)]}
    """
    every: dict[str, dict[Edges, None]] = {}
    for learned in parts:
        for digest, places in learned.items():
            every.setdefault(digest, {}).update(dict.fromkeys(places))
    return {digest: list(places) for digest, places in every.items()}


def learned_before(dataset: Dataset, learned: Learned, split: Split = "test") -> list[Region]:
    """Return the regions of a split that overlap squares a model has learned from."""
    if not learned:
        return []
    tested = _digested(dataset, dataset.regions(split))
    return [
        region
        for region, digest in tested
        if any(_overlap(_edges(region.box), edges) for edges in learned.get(digest, ()))
    ]


def _digested(dataset: Dataset, regions: Sequence[Region]) -> list[tuple[Region, str]]:
    """Return each region with the digest of its slice."""
    slices: dict[str, set[int]] = {}
    for region in regions:
        slices.setdefault(region.sample, set()).add(region.box.start[0])
    digests = {
        name: slice_digests(dataset.sample(name).volume, sorted(numbers))
        for name, numbers in slices.items()
    }
    return [(region, digests[region.sample][region.box.start[0]]) for region in regions]


def _edges(box: Box) -> Edges:
    (_, top, left), (_, bottom, right) = box.start, box.stop
    return top, bottom, left, right


def _overlap(one: Edges, other: Edges) -> bool:
    top, bottom, left, right = other
    return one[0] < bottom and top < one[1] and one[2] < right and left < one[3]
