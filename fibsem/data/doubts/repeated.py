"""Warn about labelled pixels that count twice, and label files listed for two places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations, islice

from fibsem.data.dataset.labels import IGNORE
from fibsem.data.dataset.samples import Region, Sample

#: Number of squares that are named, and of overlapping pairs that are compared.
NAMED, MOST = 4, 200
#: Share of the pixels of an overlap labelled differently from which two squares contradict.
CONTRADICT = 0.05


def listed_twice(sample: Sample) -> Iterator[str]:
    """Yield a message for label files listed for several places, of which one at most is right."""
    places = Counter(region.name for region in sample.regions)
    twice = [name for name, count in places.items() if count > 1]
    if twice:
        yield f"{sample.name}: {', '.join(twice[:NAMED])} is listed for more than one place"


def counted_twice(sample: Sample) -> Iterator[str]:
    """Yield a message for squares of a split that have one place, or contradict where they overlap.

    Squares that different annotators labelled, as the table states, are left out. Overlapping
    squares cut from one stack agree, and overlaps between splits are refused
    (:func:`fibsem.data.dataset.samples.check_boxes`).
    """
    if sample.dense:
        return  # regions that are cut from one stack cannot contradict each other
    slices: dict[int, list[Region]] = {}
    for region in sample.regions:
        slices.setdefault(region.box.start[0], []).append(region)
    overlapping = (
        pair
        for regions in slices.values()
        for pair in combinations(regions, 2)
        if pair[0].box.overlaps(pair[1].box) and not of_two_people(*pair)
    )
    pairs = [
        f"{one.name} and {other.name}"
        for one, other in islice(overlapping, MOST)
        if one.box == other.box or _contradict(one, other)
    ]
    if pairs:
        more = f" and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
        yield (
            f"{sample.name}: squares label the same pixels, {', '.join(pairs[:NAMED])}{more}, "
            "which count twice; a column `annotator` tells who labelled one square"
        )


def of_two_people(one: Region, other: Region) -> bool:
    """Whether two regions are the same square, labelled by two different, named annotators."""
    people = {one.annotator, other.annotator}
    return one.box == other.box and len(people) == 2 and "" not in people


def _contradict(one: Region, other: Region) -> bool:
    """Whether two squares label more than ``CONTRADICT`` of their common pixels differently."""
    y0, x0 = (max(one.box.start[k], other.box.start[k]) for k in (1, 2))
    y1, x1 = (min(one.box.stop[k], other.box.stop[k]) for k in (1, 2))
    first, second = (
        region.read()[y0 - y : y1 - y, x0 - x : x1 - x]
        for region in (one, other)
        for _, y, x in [region.box.start]
    )
    both = (first != IGNORE) & (second != IGNORE)
    return bool((first != second)[both].mean() > CONTRADICT) if both.any() else False
