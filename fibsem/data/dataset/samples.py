"""One volume with its labelled regions: on material, in their place, apart from others."""

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
        Where it belongs, and what messages call it.
    box
        One slice thick.
    split
        Its part.
    read
        Labels, (h, w) uint8: 0 pore, 1 solid, ``IGNORE``.
    read_truth
        Exact labels where they are known (phantoms), else None.
    annotator
        Who labelled it, where that is told.
    at
        Where it begins, if another region of its sample has its name; parts of it keep that.
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
        """Sample and name in one text, and the place if need be, which no other region has.

        >>> Region("a b", "m1.tif", Box((0, 0, 0), (1, 4, 4)), "val", None).key
        'a%20b m1.tif'
        """
        place = "" if self.at is None else " at z{}-y{}-x{}".format(*self.at)
        return f"{self.sample.replace('%', '%25').replace(' ', '%20')} {self.name}{place}"


@dataclass(frozen=True)
class Sample:
    """One volume with its labelled regions; ``dense`` if they were cut from a label stack.

    ``label_files`` are those that a change of labels would show in. ``valid`` says what of it is
    material: ``auto``, ``all`` or the path of a mask; ``extent`` is what follows of it, in a
    dataset that was checked. ``divided`` says that the parts of its squares are by recipe.
    ``table`` names its squares, in a manifest. Of dense labels ``in_gaps`` are the slices with some
    that lie between the parts.
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
        """Labelled pores and solids of each region, (n, 2); every label is read once."""
        counts = [np.bincount(one.read().ravel(), minlength=IGNORE + 1)[:2] for one in self.regions]
        return np.array(counts, np.int64).reshape(-1, 2)

    @cached_property
    def labelled(self) -> tuple[Region, ...]:
        """The regions with a label: of a stack with a few drawn slices most have none."""
        some = self.pixels.sum(axis=1).tolist()
        return tuple(region for region, has in zip(self.regions, some, strict=True) if has)


@dataclass(frozen=True)
class OnMaterial:
    """Labels of a region, ``IGNORE`` where its sample shows no material."""

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
        """Labelled pixels that do not count; labels are read only where the slice has such."""
        inside = self.extent.inside(self.box.start[0])
        if inside is None:
            return 0
        return int(np.count_nonzero((self.labels() != IGNORE) & ~inside[self.box.slices[1:]]))


def on_material(sample: Sample) -> Sample:
    """The sample with labels on material only; slices are looked at when they are asked for."""
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
    """The sample with regions that have one name, as a mask of several places, told apart."""
    names = Counter(region.name for region in sample.regions)
    regions = tuple(
        replace(region, at=region.box.start) if names[region.name] > 1 else region
        for region in sample.regions
    )
    return replace(sample, regions=regions)


def read_by(region: Region) -> Callable[[], LabelArray]:
    """What reads the labels of a region, whatever is material."""
    return region.read.labels if isinstance(region.read, OnMaterial) else region.read


def left_out(region: Region) -> int:
    """Labelled pixels of a region that do not count, because they show no material."""
    return region.read.left_out if isinstance(region.read, OnMaterial) else 0


def check_boxes(sample: Sample) -> None:
    """Refuse regions outside their volume, and of different parts that overlap."""
    for region in sample.regions:
        if not region.box.inside(sample.volume.shape):
            raise UserError(
                f"a mask must lie inside its volume, but {region.name} of sample {sample.name} "
                f"covers (z, y, x) {region.box.start} to {region.box.stop} of "
                f"{sample.volume.shape}."
            )
    if sample.dense:
        return  # cut from one stack: apart by construction
    for k, region in enumerate(sample.regions):
        for other in sample.regions[:k]:
            if region.split != other.split and region.box.overlaps(other.box):
                raise UserError(
                    f"regions of different splits must not overlap, but {other.name} "
                    f"({other.split}) and {region.name} ({region.split}) of sample "
                    f"{sample.name} do."
                )


def check_apart(samples: Sequence[Sample], digests: Mapping[str, Mapping[int, str]]) -> None:
    """Two samples may show one film, or parts of it: what one learns from, none is tested on."""
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
    """Whether two regions overlap in the slice, whichever it is."""
    z = one.box.start[0]
    return one.box.overlaps(Box((z, *other.box.start[1:]), (one.box.stop[0], *other.box.stop[1:])))


def by_split(sample: Sample) -> Mapping[Split, tuple[Region, ...]]:
    """The regions of a sample with a label, by part."""
    return {split: tuple(r for r in sample.labelled if r.split == split) for split in SPLITS}
