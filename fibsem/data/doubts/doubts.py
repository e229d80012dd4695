"""Warnings about a dataset that should be checked before training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from fibsem.data.dataset.dataset import Dataset
from fibsem.data.dataset.digests import UNREADABLE
from fibsem.data.dataset.masks import Mask
from fibsem.data.dataset.samples import Sample, left_out, read_by
from fibsem.data.dataset.split import SplitRecipe
from fibsem.data.doubts.clipping import clipped
from fibsem.data.doubts.contrast import Classed, classed, inverted_or_unrelated
from fibsem.data.doubts.nearness import scored_where_learned
from fibsem.data.doubts.placing import misplaced
from fibsem.data.doubts.repeated import counted_twice, listed_twice
from fibsem.data.doubts.strangers import strangers
from fibsem.data.doubts.undrawn import undrawn
from fibsem.data.doubts.unused_labels import drawn_for_nothing
from fibsem.data.material import odd_in
from fibsem.data.preprocessing import evenly_spaced
from fibsem.data.volumes import VoxelNm, stated_nm
from fibsem.data.volumes.lengths import agreed_nm, differing, unlikely
from fibsem.data.volumes.voxels import UNKNOWN_NM
from fibsem.errors import UserError
from fibsem.geometry import Box

#: Largest number of slices that a message names, and number of slices read of a large float film.
NAMED, LOOKED_AT = 8, 20
#: Largest number of masks of a film whose pixel size is read.
ASKED = 20


def doubts(
    dataset: Dataset,
    classes: Mapping[str, Sequence[Classed]] | None = None,
    look_through: float = math.inf,
) -> Iterator[str]:
    """Yield warnings about a dataset as a whole, then about each sample.

    Parameters
    ----------
    dataset
        The dataset to check.
    classes
        Grey values of the labelled squares of each sample; None: they are read.
    look_through
        Largest number of voxels of a film whose slices are all read; larger films are not checked
        for odd slices, and only some slices of floats for invalid values.
    """
    if classes is None:
        classes = {sample.name: list(classed(sample)) for sample in dataset.samples}
    files_nm = agreed_nm(*(sample.volume.voxel_nm for sample in dataset.samples))
    yield from unlikely(dataset.voxel_nm, files_nm)
    yield from inverted_or_unrelated(classes)
    for sample in dataset.samples:
        yield from sizes_that_differ(sample, dataset.voxel_nm)
        yield from masks_that_were_scaled(sample, dataset.voxel_nm)
        yield from clipped(sample)
        small = math.prod(sample.volume.shape) <= look_through
        if small:
            yield from unlike_slices(sample)
        yield from unusable(sample, dataset.slices[sample.name], every=small)
        yield from scored_where_learned(sample, SplitRecipe().guard_slices)
        yield from of_labels(sample)


def sizes_that_differ(sample: Sample, voxel_nm: VoxelNm) -> Iterator[str]:
    """Warn about axes along which a sample's files state another voxel size than the dataset."""
    stated = sample.volume.voxel_nm
    for axis in differing(stated, voxel_nm):
        k = "zyx".index(axis)
        yield (
            f"{sample.name}: its files state {stated[k]:g} nm along {axis}, but the dataset says "
            f"{voxel_nm[k]:g} nm"
        )


def masks_that_were_scaled(sample: Sample, voxel_nm: VoxelNm) -> Iterator[str]:
    """Warn about the first of some masks that states another pixel size than film and dataset."""
    files_nm = stated_nm(sample.volume.voxel_nm, voxel_nm)
    film_nm = stated_nm(voxel_nm, sample.volume.voxel_nm)
    for k in evenly_spaced(len(sample.regions), ASKED):
        mask = read_by(sample.regions[k])
        _, y, x = mask.voxel_nm if isinstance(mask, Mask) else UNKNOWN_NM
        stated = None, y, x  # of one picture z says nothing
        axes = set(differing(stated, files_nm)) & set(differing(stated, film_nm))
        if axes:
            axis = "zyx".index(min(axes))
            yield (
                f"{sample.name}: {sample.regions[k].name} states {stated[axis]:g} nm along "
                f"{min(axes)}, but the film has {film_nm[axis]:g} nm: was it drawn on a picture "
                "that had been scaled?"
            )
            return


def unusable(sample: Sample, digests: Mapping[int, str], *, every: bool) -> Iterator[str]:
    """Warn about slices that cannot be read: a training may not use them, a segmentation does.

    Parameters
    ----------
    sample
        The sample to check.
    digests
        Digests of its slices, which are ``unreadable`` for damaged ones.
    every
        Whether all slices of floats are read again, because digests do not show whether values are
        valid; else some are.
    """
    again = _floats(sample, every=every)
    looked_at = [z for z, digest in digests.items() if z in again or digest == UNREADABLE]
    bad = {z: why for z in looked_at if (why := _why_not(sample, z))}
    if bad:
        numbers = ", ".join(map(str, [*bad][:NAMED])) + (", ..." if len(bad) > NAMED else "")
        yield (
            f"{sample.name}: {len(bad)} of {sample.volume.shape[0]} slices cannot be read "
            f"({numbers}), where `segment` and `promote` stop, but for missing=skip "
            f"(segmentation.missing=skip): {next(iter(bad.values()))}"
        )
    elif 0 < len(again) < len(digests):
        yield (
            f"{sample.name}: {len(again)} of {len(digests)} slices were looked through for floats "
            "that are no grey values, where `segment` and `promote` stop; `inspect` looks through "
            "all"
        )


def _floats(sample: Sample, *, every: bool) -> Sequence[int]:
    """Return the slices to check for floats that are no grey values; none for integers."""
    depth = sample.volume.shape[0]
    if sample.volume.dtype.kind != "f":
        return ()
    return range(depth) if every else evenly_spaced(depth, LOOKED_AT)


def _why_not(sample: Sample, z: int) -> str:
    """Return why a slice cannot be read as grey values, or "" if it can."""
    try:
        sample.volume.read_unit(Box((z, 0, 0), (z + 1, *sample.volume.shape[1:])))
    except UserError as error:
        return str(error)
    return ""


def unlike_slices(sample: Sample) -> Iterator[str]:
    """Warn about slices that are unlike their neighbours; each is read once."""
    extent = sample.extent if sample.extent and sample.extent.mask else None
    yield from (f"{sample.name}: {doubt}" for doubt in odd_in(sample.volume, extent))


def not_on_material(sample: Sample) -> Iterator[str]:
    """Warn about labelled pixels that do not count because they show no material."""
    reached = [count for region in sample.regions if (count := left_out(region))]
    if reached:
        yield (
            f"{sample.name}: {sum(reached)} labelled pixels of {len(reached)} regions show no "
            "material and are ignored; `valid` in the manifest says what is material"
        )


def of_labels(sample: Sample) -> Iterator[str]:
    """Yield all warnings about the labels of a sample; some hundred squares are read."""
    yield from not_on_material(sample)
    yield from drawn_for_nothing(sample)
    yield from listed_twice(sample)
    yield from counted_twice(sample)
    yield from misplaced(sample)
    yield from strangers(sample)
    yield from undrawn(sample)
