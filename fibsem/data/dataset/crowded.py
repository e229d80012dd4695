"""Narrower guards for squares that lie too near each other to be divided into three splits."""

from __future__ import annotations

from collections.abc import Sequence

from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.split import SHARES, SPLITS, SplitRecipe, neighbours
from fibsem.geometry import Box

#: Guards (slices, pixels) that are tried, the widest first.
NARROWER = ((5, 20), (2, 40), (2, 20), (1, 20), (0, 20), (0, 0))


def guards_that_divide(dataset: Dataset) -> str:
    """Return advice on keys with which every split gets squares, or "" if none helps."""
    squares = [[region.box for region in s.regions] for s in dataset.samples if s.divided]
    recipe = narrower(squares)
    if recipe is None:
        return ""
    keys = f"split.guard_px={recipe.guard_px} split.guard_slices={recipe.guard_slices}"
    return (
        f"give every command {keys}, as its squares lie so near each other that they are kept "
        "together"
    )


def narrower(samples: Sequence[Sequence[Box]]) -> SplitRecipe | None:
    """Return the widest guards whose largest group of squares fits into the training split.

    Squares within the guards of each other form a group, which is not divided.

    Parameters
    ----------
    samples
        The squares of each sample.

    Returns
    -------
    SplitRecipe or None
        The narrowest guards with three groups if no largest group fits; None if there are fewer
        than three groups with all guards.

    Examples
    --------
    >>> above = [Box((z, 0, 0), (z + 1, 64, 64)) for z in range(0, 24, 6)]
    >>> narrower([above]).guard_slices, narrower([above[:2]])
    (2, None)
    """
    filling = []
    for slices, px in NARROWER:
        recipe = SplitRecipe(guard_px=px, guard_slices=slices)
        sizes = [len(group) for boxes in samples for group in neighbours(boxes, recipe)]
        if len(sizes) >= len(SPLITS):
            filling.append(recipe)
            if max(sizes) <= SHARES["train"] * sum(sizes):
                return recipe
    return filling[-1] if filling else None
