"""Warn if the surroundings of training squares overlap those of validation or test squares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

from fibsem.data.dataset.digests import UNREADABLE
from fibsem.data.dataset.samples import Sample
from fibsem.data.dataset.split import SPLITS, SplitRecipe, neighbours
from fibsem.geometry import Box, Triple

#: Minimum share of a test square that a training square covers, and share of covered test squares
#: above which to warn. Squares placed at random cover each other, too.
COVERED, AMONG = 0.5, 1 / 3


def scored_where_learned(sample: Sample, slices: int) -> Iterator[str]:
    """Warn if a table puts many test squares just above or below training squares.

    Neighbouring slices show nearly the same pores, so that memorised squares score well.

    Parameters
    ----------
    sample
        The sample to check; nothing is yielded if its squares were divided or cut from a stack.
    slices
        Distance in slices up to which squares above each other count as one place.
    """
    if sample.divided or sample.dense:
        return
    learned = [
        region.box.grow((slices, 0, 0)) for region in sample.regions if region.split == "train"
    ]
    tested = [region.box for region in sample.regions if region.split == "test"]
    over = sum(any(_covered(box, train) >= COVERED for train in learned) for box in tested)
    if over > AMONG * len(tested):
        yield (
            f"{sample.name}: {over} of {len(tested)} test squares lie over or under a training "
            f"square, at most {slices} slices away: they show nearly the same pores, and scores of "
            "them are too good; without a column `split` such squares stay in one part"
        )


def across_samples(
    samples: Sequence[Sample], slices: Mapping[str, Mapping[int, str]], reach: Triple
) -> Iterator[str]:
    """Warn if training squares of one sample are near scored squares of another, of the same film.

    Two samples may show one film, such as one with dense labels and one with squares, and each is
    divided by itself. (Shared pixels are an error, see
    :func:`fibsem.data.dataset.samples.check_apart`.)

    Parameters
    ----------
    samples
        The samples of a dataset.
    slices
        Digest of every slice of each sample, by which equal slices are found.
    reach
        Pixels on each side that an output depends on, (z, y, x).
    """
    numbers = {sample.name: _unique_slices(slices[sample.name]) for sample in samples}
    for one, other in permutations(samples, 2):
        number = numbers[one.name]
        shared = ((z, number.get(digest)) for digest, z in numbers[other.name].items())
        further = next((same - z for z, same in shared if same is not None), None)
        if further is None:
            continue
        learned = [region.box.grow(reach) for region in one.labelled if region.split == "train"]
        judged = [region.box for region in other.labelled if region.split != "train"]
        moved = [_further(box, further).grow(reach) for box in judged]
        near = sum(any(box.overlaps(train) for train in learned) for box in moved)
        if near:
            yield (
                f"{one.name} and {other.name} show one film: around {near} of {len(judged)} "
                f"squares of {other.name} that are not for training the network sees pixels that "
                f"it sees in training of {one.name}, and scores of them may be too good; parts "
                "farther apart, or one sample with all labels, keep them apart"
            )


def _unique_slices(slices: Mapping[int, str]) -> dict[str, int]:
    """Return slice numbers by digest, without unreadable and repeated (such as blank) slices."""
    count = Counter(slices.values())
    return {d: z for z, d in slices.items() if d != UNREADABLE and count[d] == 1}


def _further(box: Box, slices: int) -> Box:
    """Return a box moved along z by a number of slices."""
    (z, *start), (end, *stop) = box.start, box.stop
    return Box((z + slices, start[0], start[1]), (end + slices, stop[0], stop[1]))


def _covered(box: Box, other: Box) -> float:
    """Return the share of a square that another box covers; 0 if they do not overlap."""
    if not box.overlaps(other):
        return 0.0
    sides = [min(box.stop[k], other.stop[k]) - max(box.start[k], other.start[k]) for k in (1, 2)]
    return sides[0] * sides[1] / (box.shape[1] * box.shape[2])


def within_reach(sample: Sample, reach: Triple, recipe: SplitRecipe) -> Iterator[str]:
    """Warn if the division left squares of different splits within the reach of a network.

    Splits named in a table are checked by :func:`scored_where_learned`, dense labels by
    :func:`fibsem.data.dataset.dataset.check_depth`.

    Parameters
    ----------
    sample
        The sample to check.
    reach
        Pixels on each side that an output depends on, (z, y, x).
    recipe
        The recipe by which its squares were divided.
    """
    if not sample.divided:
        return
    learned = [region.box.grow(reach) for region in sample.regions if region.split == "train"]
    judged = [region.box.grow(reach) for region in sample.regions if region.split != "train"]
    near = sum(any(box.overlaps(train) for train in learned) for box in judged)
    if near:
        z, *sides = reach
        slices, px = max(recipe.guard_slices, z), max(recipe.guard_px, *sides)
        wider = SplitRecipe(guard_px=px, guard_slices=slices)
        groups = neighbours([region.box for region in sample.regions], wider)
        yield (
            f"{sample.name}: around {near} of {len(judged)} squares that are not for training the "
            f"network sees pixels that it sees in training, too: it reaches {max(sides)} pixels "
            f"and {z} slice{'s' * (z != 1)}; {_apart_by(wider, len(groups))}"
        )


def _apart_by(wider: SplitRecipe, groups: int) -> str:
    """Return advice on keeping squares apart: wider guards if they leave three groups or more."""
    if groups >= len(SPLITS):
        return (
            f"split.guard_px={wider.guard_px} split.guard_slices={wider.guard_slices} keep them "
            "apart, in another division for every command"
        )
    return (
        "all squares are too near each other for a division that keeps them apart, and scores may "
        "be too good: squares farther apart, or a network that reaches less far (a smaller nbhd, "
        "fewer model.blocks)"
    )
