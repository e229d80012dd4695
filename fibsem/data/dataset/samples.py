"""A volume with its labelled regions, and checks of their places and splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fibsem.data.dataset.digests import UNREADABLE
from fibsem.data.dataset.labels import IGNORE, LabelArray
from fibsem.data.dataset.split import SPLITS, Split
from fibsem.data.material import Extent, look_for
from fibsem.data.volumes import Volume
from fibsem.data.volumes.covered import covered
from fibsem.data.volumes.faults import File
from fibsem.errors import UserError
from fibsem.geometry import Box, Triple


@dataclass(frozen=True)
class Region:
    """A labelled rectangle of one slice.

    Attributes
    ----------
    sample, name
        Name of its sample, and its own name in messages.
    box
        The voxels that it covers, one slice thick.
    split
        Its split: train, val or test.
    read
        Returns the labels, (h, w) uint8: 0 pore, 1 solid, ``IGNORE``.
    read_truth
        Returns the exact labels if they are known (phantoms), else None.
    annotator
        Name of the person who labelled it, or an empty text.
    at
        Its start (z, y, x) if another region of the sample has the same name, else None; pieces
        of the region keep it.
    """

    sample: str
    name: str
    box: Box
    split: Split
    read: Callable[[], LabelArray] = field(repr=False)
    read_truth: Callable[[], LabelArray] | None = field(default=None, repr=False)
    annotator: str = ""
    at: Triple | None = None

    @property
    def key(self) -> str:
        """Unique key: sample and name, followed by the place if the name is ambiguous.

        >>> Region("a b", "m1.tif", Box((0, 0, 0), (1, 4, 4)), "val", None).key
        'a%20b m1.tif'
        """
        position = "" if self.at is None else " at z{}-y{}-x{}".format(*self.at)
        return f"{self.sample.replace('%', '%25').replace(' ', '%20')} {self.name}{position}"


@dataclass(frozen=True)
class Sample:
    """A volume with its labelled regions; ``dense`` if these were cut from a label stack.

    ``label_files`` are the files whose change means changed labels. ``valid`` says which voxels are
    material: ``auto``, ``all`` or the path of a mask; ``extent`` is the result, set once a dataset
    is checked. ``divided`` says that a recipe assigned the splits of its squares. ``table`` is the
    region table of a manifest. For dense labels, ``in_gaps`` are the labelled slices in the gaps
    between splits.
    """

    name: str
    volume: Volume
    regions: tuple[Region, ...] = ()
    expected_porosity: float | None = None
    dense: bool = False
    label_files: tuple[File, ...] = ()
    valid: str = "auto"
    extent: Extent | None = None
    divided: bool = False
    table: Path | None = None
    in_gaps: tuple[int, ...] = ()

    @cached_property
    def pixels(self) -> npt.NDArray[np.int64]:
        """Number of labelled pore and solid pixels of each region, (n, 2) int64; cached."""
        counts = [
            np.bincount(region.read().ravel(), minlength=IGNORE + 1)[:2] for region in self.regions
        ]
        return np.array(counts, np.int64).reshape(-1, 2)

    @cached_property
    def labelled(self) -> tuple[Region, ...]:
        """Regions with any label; in a stack with a few drawn slices most have none."""
        counts = self.pixels.sum(axis=1).tolist()
        return tuple(region for region, count in zip(self.regions, counts, strict=True) if count)


@dataclass(frozen=True)
class OnMaterial:
    """Labels of a region, set to ``IGNORE`` outside the material."""

    labels: Callable[[], LabelArray]
    extent: Extent
    box: Box

    def __call__(self) -> LabelArray:
        labels, inside = self.labels(), self.extent.inside(self.box.start[0])
        if inside is None:
            return labels
        return np.where(inside[self.box.slices[1:]], labels, np.uint8(IGNORE))

    @property
    def left_out(self) -> int:
        """Number of labelled pixels off the material; reads labels only if the slice has some."""
        inside = self.extent.inside(self.box.start[0])
        if inside is None:
            return 0
        return int(np.count_nonzero((self.labels() != IGNORE) & ~inside[self.box.slices[1:]]))


def on_material(sample: Sample) -> Sample:
    """Return the sample with labels restricted to material; slices are examined lazily."""
    extent = look_for(sample.volume, sample.valid)
    regions = tuple(
        replace(
            region,
            read=OnMaterial(region.read, extent, region.box),
            read_truth=region.read_truth and OnMaterial(region.read_truth, extent, region.box),
        )
        for region in sample.regions
    )
    return replace(
        sample, volume=covered(sample.volume, extent.masked), regions=regions, extent=extent
    )


def with_own_keys(sample: Sample) -> Sample:
    """Return the sample with ``at`` set for regions that share a name, so that keys are unique."""
    names = Counter(region.name for region in sample.regions)
    regions = tuple(
        replace(region, at=region.box.start) if names[region.name] > 1 else region
        for region in sample.regions
    )
    return replace(sample, regions=regions)


def read_by(region: Region) -> Callable[[], LabelArray]:
    """Return the function that reads the labels of a region, including those off the material."""
    return region.read.labels if isinstance(region.read, OnMaterial) else region.read


def left_out(region: Region) -> int:
    """Return the number of labelled pixels of a region that lie off the material."""
    return region.read.left_out if isinstance(region.read, OnMaterial) else 0


def check_boxes(sample: Sample) -> None:
    """Raise UserError for a region outside its volume, or overlapping one of another split."""
    for region in sample.regions:
        if not region.box.inside(sample.volume.shape):
            raise UserError(
                f"a mask must lie inside its volume, but {region.name} of sample {sample.name} "
                f"covers (z, y, x) {region.box.start} to {region.box.stop} of "
                f"{sample.volume.shape}."
            )
    if sample.dense:
        return  # regions that are cut from one stack cannot overlap
    for k, region in enumerate(sample.regions):
        for other in sample.regions[:k]:
            if region.split != other.split and region.box.overlaps(other.box):
                raise UserError(
                    f"regions of different splits must not overlap, but {other.name} "
                    f"({other.split}) and {region.name} ({region.split}) of sample "
                    f"{sample.name} do."
                )


def check_apart(samples: Sequence[Sample], digests: Mapping[str, Mapping[int, str]]) -> None:
    """Raise UserError if samples that share slices overlap in regions of different splits."""
    in_slice: dict[str, list[tuple[Sample, Region]]] = {}
    for sample in samples:
        for region in sample.regions:
            digest = digests[sample.name][region.box.start[0]]
            if digest != UNREADABLE:
                in_slice.setdefault(digest, []).append((sample, region))
    for places in in_slice.values():
        for (one, region), (two, other) in combinations(places, 2):
            if one is not two and region.split != other.split and _same_pixels(region, other):
                raise UserError(
                    f"regions of different splits must not overlap, but {region.name} of "
                    f"{one.name} ({region.split}) and {other.name} of {two.name} ({other.split}) "
                    "do: their slices are the same."
                )


def _same_pixels(one: Region, other: Region) -> bool:
    """Whether two regions overlap in y and x, regardless of their slices."""
    z = one.box.start[0]
    return one.box.overlaps(Box((z, *other.box.start[1:]), (one.box.stop[0], *other.box.stop[1:])))


def by_split(sample: Sample) -> Mapping[Split, tuple[Region, ...]]:
    """Return the labelled regions of a sample by split."""
    return {split: tuple(r for r in sample.labelled if r.split == split) for split in SPLITS}
