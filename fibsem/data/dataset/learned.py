"""Which squares a model has learned from, by what their slices hold: whatever they are called now.

Parts are divided anew with every square that is added: a model that was trained before may have
learned from what is a test square by now, and figures of a training that begins with it are then
too good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.digests import slice_digests
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import Split
from fibsem.geometry import Box

#: First and last + 1 row, first and last + 1 column.
Edges = tuple[int, int, int, int]
#: Squares by the digest of their slice.
Learned = Mapping[str, Sequence[Edges]]


def learned_squares(dataset: Dataset) -> Learned:
    """The squares of training and validation."""
    learned: dict[str, list[Edges]] = {}
    regions = [*dataset.regions("train"), *dataset.regions("val")]
    for region, digest in _digested(dataset, regions):
        learned.setdefault(digest, []).append(_place(region.box))
    return learned


def merged(some: Iterable[Learned]) -> Learned:
    """What several have learned from, each square once.

    >>> merged([{"a": [(0, 8, 0, 8)]}, {"a": [(0, 8, 0, 8), (8, 16, 0, 8)]}])
    {'a': [(0, 8, 0, 8), (8, 16, 0, 8)]}
    """
    every: dict[str, dict[Edges, None]] = {}
    for learned in some:
        for digest, places in learned.items():
            every.setdefault(digest, {}).update(dict.fromkeys(places))
    return {digest: list(places) for digest, places in every.items()}


def learned_before(dataset: Dataset, learned: Learned, split: Split = "test") -> list[Region]:
    """Squares of a split of which pixels were learned."""
    if not learned:
        return []
    tested = _digested(dataset, dataset.regions(split))
    return [
        region
        for region, digest in tested
        if any(_overlap(_place(region.box), place) for place in learned.get(digest, ()))
    ]


def _digested(dataset: Dataset, regions: Sequence[Region]) -> list[tuple[Region, str]]:
    """Regions with the digest of their slice."""
    slices: dict[str, set[int]] = {}
    for region in regions:
        slices.setdefault(region.sample, set()).add(region.box.start[0])
    digests = {
        name: slice_digests(dataset.sample(name).volume, sorted(some))
        for name, some in slices.items()
    }
    return [(region, digests[region.sample][region.box.start[0]]) for region in regions]


def _place(box: Box) -> Edges:
    (_, top, left), (_, bottom, right) = box.start, box.stop
    return top, bottom, left, right


def _overlap(one: Edges, other: Edges) -> bool:
    top, bottom, left, right = other
    return one[0] < bottom and top < one[1] and one[2] < right and left < one[3]
