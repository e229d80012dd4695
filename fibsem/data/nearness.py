"""Whether what a network sees of training squares overlaps what it sees where it is judged."""

from __future__ import annotations

from collections.abc import Iterator

from fibsem.data.samples import Sample
from fibsem.data.split import SplitRecipe
from fibsem.geometry import Triple


def within_reach(sample: Sample, reach: Triple, recipe: SplitRecipe) -> Iterator[str]:
    """Say if the division left squares of different parts nearer than a network reaches.

    Parts that a table names are left to whoever named them; of dense labels the depth is checked
    (:func:`fibsem.data.dataset.check_depth`).

    Parameters
    ----------
    sample
        Whose squares were divided.
    reach
        Pixels on each side that an output depends on, (z, y, x).
    recipe
        What they were divided by.
    """
    if not sample.divided:
        return
    learned = [one.box.grow(reach) for one in sample.regions if one.split == "train"]
    judged = [one.box.grow(reach) for one in sample.regions if one.split != "train"]
    near = sum(any(box.overlaps(other) for other in learned) for box in judged)
    if near:
        z, *sides = reach
        slices, px = max(recipe.guard_slices, z), max(recipe.guard_px, *sides)
        yield (
            f"{sample.name}: around {near} of {len(judged)} squares that are not for training the "
            f"network sees pixels that it sees in training, too: it reaches {max(sides)} pixels "
            f"and {z} slices; split.guard_px={px} split.guard_slices={slices} keep them apart, in "
            "another division for every command"
        )
