"""Which labelled regions are for training, validation and test; a property of the dataset.

Nothing that a network sees for a training pixel may be part of a test pixel's neighbourhood, as far
as the labels allow: dense stacks are cut into z-ranges with a gap, and squares whose surroundings
overlap stay together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from fibsem.errors import UserError
from fibsem.geometry import Box

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

#: Share of the labelled slices or squares in each part (thesis 3.1).
SHARES: dict[Split, float] = {"train": 0.6, "val": 0.2, "test": 0.2}


@dataclass(frozen=True)
class SplitRecipe:
    """How labels without a given split are divided.

    Attributes
    ----------
    gap
        Unused slices between two parts of a dense label stack.
    guard_px, guard_slices
        Surroundings of a square; squares whose surroundings overlap go to one part.
    seed
        Seed of the division of squares.

    Examples
    --------
    >>> SplitRecipe(gap=10).deepest  # of 11 slices, five on either side
    11
    """

    gap: int = 10
    guard_px: int = 40
    guard_slices: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for key in ("gap", "guard_px", "guard_slices"):
            if getattr(self, key) < 0:
                raise UserError(f"`split.{key}` must be at least 0, but got {getattr(self, key)}.")

    @property
    def deepest(self) -> int:
        """Largest n_z whose neighbourhoods do not reach across the gap."""
        return self.gap + 1 - self.gap % 2


def slice_ranges(depth: int, recipe: SplitRecipe) -> dict[Split, range]:
    """Cut a dense label stack into z-ranges of 60 / 20 / 20 % with a gap between them.

    >>> slice_ranges(30, SplitRecipe(gap=5))
    {'train': range(0, 12), 'val': range(17, 21), 'test': range(26, 30)}
    """
    usable = depth - 2 * recipe.gap
    held_out = round(SHARES["val"] * usable)
    if held_out < 1:
        raise UserError(
            f"`split.gap` must leave at least 3 of the labelled slices, but two gaps of "
            f"{recipe.gap} leave {max(usable, 0)} of {depth}; the choices are a smaller "
            "split.gap or a region table."
        )
    train = usable - 2 * held_out
    val = train + recipe.gap
    test = val + held_out + recipe.gap
    return {
        "train": range(train),
        "val": range(val, val + held_out),
        "test": range(test, depth),
    }


def labelled_ranges(
    depth: int, recipe: SplitRecipe, labelled: Callable[[int], bool]
) -> dict[Split, range]:
    """Cut a label stack as :func:`slice_ranges` does; where only some slices were drawn, those.

    Parameters
    ----------
    depth
        Slices of the stack.
    recipe
        Its gap.
    labelled
        Whether a slice has a label; asked until every part has one, else of each.

    Returns
    -------
    dict
        The parts of the whole stack, if each of them has a label; else those of what lies between
        the first and the last slice with one.

    Examples
    --------
    >>> labelled_ranges(300, SplitRecipe(gap=5), lambda z: 100 <= z < 130)
    {'train': range(100, 112), 'val': range(117, 121), 'test': range(126, 130)}
    """
    ranges = slice_ranges(depth, recipe)
    if all(any(map(labelled, slices)) for slices in ranges.values()):
        return ranges
    drawn = [z for z in range(depth) if labelled(z)] or range(depth)
    first, last = drawn[0], drawn[-1]
    parts = slice_ranges(last + 1 - first, recipe)
    return {split: range(first + p.start, first + p.stop) for split, p in parts.items()}


def divide(boxes: Sequence[Box], recipe: SplitRecipe, salt: Sequence[int] = ()) -> list[Split]:
    """Divide the squares of one sample 60 / 20 / 20 %, neighbours together.

    Parameters
    ----------
    boxes
        The squares.
    recipe
        Guard and seed.
    salt
        Further seeds, so that the samples of a dataset are divided independently.

    Returns
    -------
    list of Split
        The part of each square. Groups of neighbours go, largest first, to the part that lacks
        most squares; validation and test get at least one group each where there are three.
    """
    return _handed_out(neighbours(boxes, recipe), recipe, salt)


def divide_together(
    samples: Sequence[Sequence[Box]], recipe: SplitRecipe
) -> list[list[Split]] | None:
    """Divide the squares of several samples 60 / 20 / 20 % as those of one.

    For samples of so few squares that none of them could fill every part.

    Parameters
    ----------
    samples
        The squares of each.
    recipe
        Guard and seed.

    Returns
    -------
    list of list of Split or None
        The part of each square of each sample; None where all of them are fewer than three groups
        of neighbours.
    """
    ends = np.cumsum([0, *map(len, samples)]).tolist()
    groups = [
        [start + k for k in group]
        for start, boxes in zip(ends, samples, strict=False)
        for group in neighbours(boxes, recipe)
    ]
    if len(groups) < len(SPLITS):
        return None
    parts = _handed_out(groups, recipe)
    return [parts[start:stop] for start, stop in pairwise(ends)]


def _handed_out(
    groups: Sequence[list[int]], recipe: SplitRecipe, salt: Sequence[int] = ()
) -> list[Split]:
    """The part of each square, of groups that stay together."""
    squares = sum(map(len, groups))
    rng = np.random.default_rng([recipe.seed, *salt])
    order = [groups[k] for k in rng.permutation(len(groups))]
    order.sort(key=len, reverse=True)
    lacking = {split: SHARES[split] * squares for split in SPLITS}
    parts: list[Split] = ["train"] * squares
    for k, group in enumerate(order):
        empty = [split for split in SPLITS if split not in {parts[m] for g in order[:k] for m in g}]
        must_fill = len(order) - k <= len(empty)
        split = max(empty if must_fill else SPLITS, key=lambda s: lacking[s])
        lacking[split] -= len(group)
        for member in group:
            parts[member] = split
    return parts


def neighbours(boxes: Sequence[Box], recipe: SplitRecipe) -> list[list[int]]:
    """Groups of squares that are linked by overlapping surroundings, in order of their first."""
    guard = (recipe.guard_slices, recipe.guard_px, recipe.guard_px)
    grown = [box.grow(guard) for box in boxes]
    group = list(range(len(boxes)))
    for k in range(len(boxes)):
        for j in range(k):
            if group[j] != group[k] and grown[k].overlaps(grown[j]):
                old, new = group[k], group[j]
                group = [new if g == old else g for g in group]
    return [[k for k, g in enumerate(group) if g == label] for label in dict.fromkeys(group)]
