"""What of a dataset should be looked at before anything is learnt from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from fibsem.data.clipping import clipped
from fibsem.data.contrast import Classed, classed, inverted_or_unrelated
from fibsem.data.dataset import Dataset
from fibsem.data.digests import UNREADABLE
from fibsem.data.material import odd_in
from fibsem.data.nearness import scored_where_learned
from fibsem.data.placing import misplaced
from fibsem.data.repeated import counted_twice, listed_twice
from fibsem.data.samples import Sample, left_out
from fibsem.data.split import SplitRecipe
from fibsem.data.strangers import strangers
from fibsem.data.undrawn import undrawn
from fibsem.data.volumes import VoxelNm
from fibsem.data.volumes.lengths import differing
from fibsem.errors import UserError
from fibsem.geometry import Box

#: Slices that are named.
NAMED = 8


def doubts(
    dataset: Dataset,
    classes: Mapping[str, Sequence[Classed]] | None = None,
    look_through: float = math.inf,
) -> Iterator[str]:
    """Say what is odd of a dataset: of its samples together, and of each.

    Parameters
    ----------
    dataset
        What may be learnt from.
    classes
        Grey values of the labelled squares of each sample, where they were read already.
    look_through
        Voxels of a film up to which every slice of it is read; of a larger one only what needs a
        few squares is said.
    """
    if classes is None:
        classes = {sample.name: list(classed(sample)) for sample in dataset.samples}
    yield from inverted_or_unrelated(classes)
    for sample in dataset.samples:
        yield from sizes_that_differ(sample, dataset.voxel_nm)
        yield from clipped(sample)
        if math.prod(sample.volume.shape) <= look_through:
            yield from unlike_slices(sample)
        digests = dataset.slices[sample.name]
        yield from unusable(sample, [z for z in digests if digests[z] == UNREADABLE])
        yield from scored_where_learned(sample, SplitRecipe().guard_slices)
        yield from of_labels(sample)


def sizes_that_differ(sample: Sample, voxel_nm: VoxelNm) -> Iterator[str]:
    """Say along which axes the files of a sample state another voxel size than the dataset has."""
    stated = sample.volume.voxel_nm
    for axis in differing(stated, voxel_nm):
        k = "zyx".index(axis)
        yield (
            f"{sample.name}: its files state {stated[k]:g} nm along {axis}, but the dataset says "
            f"{voxel_nm[k]:g} nm"
        )


def unusable(sample: Sample, slices: Sequence[int]) -> Iterator[str]:
    """Say which slices of a film cannot be read: trainings may never meet them, segmenting does."""
    if slices:
        numbers = ", ".join(map(str, slices[:NAMED])) + (", ..." if len(slices) > NAMED else "")
        yield (
            f"{sample.name}: {len(slices)} of {sample.volume.shape[0]} slices cannot be read "
            f"({numbers}), where `segment` and `promote` stop, but for missing=skip "
            f"(segmentation.missing=skip); {_why(sample, slices[0])}"
        )


def _why(sample: Sample, z: int) -> str:
    """What reading a slice says."""
    try:
        sample.volume.read(Box((z, 0, 0), (z + 1, *sample.volume.shape[1:])))
    except UserError as error:
        return f"of slice {z}: {error}"
    return f"slice {z} can be read by now"


def unlike_slices(sample: Sample) -> Iterator[str]:
    """Say which slices of a film are unlike their neighbours; each is read once."""
    extent = sample.extent if sample.extent and sample.extent.mask else None
    yield from (f"{sample.name}: {said}" for said in odd_in(sample.volume, extent))


def not_on_material(sample: Sample) -> Iterator[str]:
    """Say how many labels do not count, because their pixels show no material."""
    reached = [count for region in sample.regions if (count := left_out(region))]
    if reached:
        yield (
            f"{sample.name}: {sum(reached)} labelled pixels of {len(reached)} regions show no "
            "material and are ignored; `valid` in the manifest says what is material"
        )


def of_labels(sample: Sample) -> Iterator[str]:
    """Say what is odd of the labels of a film; some hundred squares are read."""
    yield from not_on_material(sample)
    yield from listed_twice(sample)
    yield from counted_twice(sample)
    yield from misplaced(sample)
    yield from strangers(sample)
    yield from undrawn(sample)
