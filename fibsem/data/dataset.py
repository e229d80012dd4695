"""Labelled volumes in memory of nothing: samples, regions, and what must hold for them.

Readers (`manifest`, `archive`) make a `Dataset`; everything else asks it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from unicodedata import category

import numpy as np
import numpy.typing as npt

from fibsem.data.digests import UNREADABLE, Stamp, digest_of, slice_digests, stamp_of, stamps_of
from fibsem.data.material import Extent, look_for
from fibsem.data.split import SPLITS, Split, SplitRecipe
from fibsem.data.volumes import Volume, VoxelNm
from fibsem.data.volumes.faults import File
from fibsem.errors import UserError
from fibsem.geometry import Box

#: Label of a pixel that nobody labelled.
IGNORE = 255

LabelArray = npt.NDArray[np.uint8]

#: Kinds of characters that no name holds: control, halves of others, ends of lines and paragraphs.
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True)
class Classes:
    """Label values of pore and solid, and of pixels to leave out."""

    pore: int = 0
    solid: int = 255
    ignore: int | None = None

    def __post_init__(self) -> None:
        values = [self.pore, self.solid, *([] if self.ignore is None else [self.ignore])]
        if len(set(values)) != len(values):
            raise UserError(
                f"`classes` and `ignore` must name different label values, but got pore "
                f"{self.pore}, solid {self.solid}, ignore {self.ignore}."
            )

    @property
    def values(self) -> tuple[int, ...]:
        """The label values that may occur."""
        return self.pore, self.solid, *(() if self.ignore is None else (self.ignore,))

    def read(
        self,
        labels: npt.NDArray[np.generic],
        name: str,
        shown: npt.NDArray[np.generic] | None = None,
    ) -> LabelArray:
        """Label values -> 0 pore, 1 solid, ``IGNORE``.

        Parameters
        ----------
        labels
            Whole numbers or truth values.
        name
            What messages call them.
        shown
            The grey value that a palette shows for each of them, where they are its numbers.

        Raises
        ------
        UserError
            If a value is not declared, or a palette shows other declared values than it numbers.
        """
        labels = self._meant(labels, name, shown)
        read = np.full(labels.shape, IGNORE, np.uint8)
        read[labels == self.pore] = 0
        read[labels == self.solid] = 1
        stray = read == IGNORE
        if self.ignore is not None:
            stray &= labels != self.ignore
        if stray.any():
            declared = f"{self.pore} (pore), {self.solid} (solid)"
            declared += "" if self.ignore is None else f", {self.ignore} (ignore)"
            raise UserError(
                f"label values must be declared in `classes` or `ignore`, but {name} holds "
                f"{labels[stray][0]}; declared are {declared}."
            )
        return read

    def _meant(
        self,
        labels: npt.NDArray[np.generic],
        name: str,
        shown: npt.NDArray[np.generic] | None,
    ) -> npt.NDArray[np.generic]:
        """The numbers of a palette or what it shows, whichever are declared; white is 1 or 255."""
        if labels.dtype == np.bool_:
            return labels.astype(np.uint8) * np.uint8(1 if 1 in self.values else 255)
        if shown is None:
            return labels
        fitting = [some for some in (labels, shown[labels]) if np.isin(some, self.values).all()]
        if len(fitting) == 2 and (fitting[0] != fitting[1]).any():
            raise UserError(
                f"labels must have one meaning, but both the numbers of the palette of {name} and "
                "the greys that it shows are declared in `classes`; save it as plain grey values."
            )
        return fitting[0] if fitting else labels


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
    """

    sample: str
    name: str
    box: Box
    split: Split
    read: Callable[[], LabelArray] = field(repr=False)
    read_truth: Callable[[], LabelArray] | None = field(default=None, repr=False)
    annotator: str = ""

    @property
    def key(self) -> str:
        """Sample and name in one text, which no other region has.

        >>> Region("a b", "m1.tif", Box((0, 0, 0), (1, 4, 4)), "val", None).key
        'a%20b m1.tif'
        """
        return f"{self.sample.replace('%', '%25').replace(' ', '%20')} {self.name}"


@dataclass(frozen=True)
class Sample:
    """One volume with its labelled regions; ``dense`` if they were cut from a label stack.

    ``label_files`` are those that a change of labels would show in. ``valid`` says what of it is
    material: ``auto``, ``all`` or the path of a mask; ``extent`` is what follows of it, in a
    dataset that was checked.
    """

    name: str
    volume: Volume
    regions: tuple[Region, ...] = ()
    expected_porosity: float | None = None
    dense: bool = False
    label_files: tuple[File, ...] = ()
    valid: str = "auto"
    extent: Extent | None = None


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
    return replace(sample, regions=regions, extent=extent)


def left_out(region: Region) -> int:
    """Labelled pixels of a region that do not count, because they show no material."""
    if not isinstance(region.read, OnMaterial):
        return 0
    return int(np.count_nonzero((region.read.labels() != IGNORE) & (region.read() == IGNORE)))


@dataclass(frozen=True)
class Dataset:
    """Samples that belong together: one microscope, one voxel size, one meaning of the labels."""

    name: str
    path: Path
    voxel_nm: VoxelNm
    classes: Classes
    samples: tuple[Sample, ...]

    def regions(self, split: Split) -> tuple[Region, ...]:
        """All regions of a part, sample by sample."""
        return tuple(r for s in self.samples for r in s.regions if r.split == split)

    def sample(self, name: str) -> Sample:
        """The sample of this name."""
        return next(sample for sample in self.samples if sample.name == name)

    def named(self, name: str) -> Dataset:
        """The same dataset under another name."""
        return replace(self, name=check_name(name, "`data.name`"))

    @cached_property
    def hash(self) -> str:
        """Digits of all that scores depend on: labels, places, split, and every grey value.

        File names and dates do not count, so that a copy has the same hash. The first twelve are
        the whole hash of versions that looked at the first, middle and last slice of each film
        (see :func:`fibsem.system.identity.same_data`).
        """
        parts = {key: part for key, part in self._parts.items() if key != "name"}
        return f"{self._former_hash}-{digest_of(parts, 12)}"

    @property
    def digests(self) -> dict[str, str]:
        """What an :class:`~fibsem.system.identity.Identity` says of it: each part, and the hash."""
        return {**self._parts, "hash": self.hash}

    def check_unchanged(self) -> None:
        """Refuse a result if grey values or labels were changed since they were digested.

        Files that nobody has written to are not read again.

        Raises
        ------
        UserError
            Names what was changed.
        """
        before = self._parts
        if self._stamped() == self._stamps:
            return
        now = replace(self)._parts
        changed = [key for key in now if now[key] != before[key]]
        if changed:
            raise UserError(
                f"data must not change while they are in use, but {', '.join(changed)} of "
                f"{self.path} did; the choices are the former ones or overwrite=true."
            )

    @cached_property
    def _parts(self) -> dict[str, str]:
        """Digest of the grey values and of the labels of each sample, and the name."""
        self._stamps  # noqa: B018 - before anything is read: what changes meanwhile is noticed
        parts, read = {"name": self.name}, {}
        for sample in self.samples:
            volume = sample.volume
            kind: list[object] = [volume.shape, str(volume.dtype), volume.value_range]
            if sample.extent and sample.extent.mask:
                kind.append(list(slice_digests(sample.extent.mask).values()))
            elif sample.valid != "auto":
                kind.append(sample.valid)
            read[sample.name] = slice_digests(volume)
            slices = list(read[sample.name].values())
            parts[f"grey values of {sample.name}"] = digest_of([kind, slices])
            truth = [zlib.crc32(r.read_truth().tobytes()) for r in sample.regions if r.read_truth]
            parts[f"labels of {sample.name}"] = digest_of([self._labels[sample.name], truth])
        _check_apart(self.samples, read)
        return parts

    @cached_property
    def _labels(self) -> dict[str, list[object]]:
        """Place, part and checksum of the regions of each sample."""
        return {
            sample.name: [
                [r.box.start, r.box.stop, r.split, zlib.crc32(r.read().tobytes())]
                for r in sample.regions
            ]
            for sample in self.samples
        }

    @cached_property
    def _former_hash(self) -> str:
        """Twelve hex digits as versions before wrote them, of three slices of each sample."""
        record = [
            [
                sample.name,
                sample.volume.shape,
                str(sample.volume.dtype),
                sample.volume.value_range,
                [_slice_crc(sample.volume, z) for z in _three(sample.volume.shape[0])],
                self._labels[sample.name],
            ]
            for sample in self.samples
        ]
        return digest_of(record, 12)

    @cached_property
    def _stamps(self) -> list[tuple[str, Stamp]]:
        return self._stamped()

    def _stamped(self) -> list[tuple[str, Stamp]]:
        """What the system says of the files of each sample."""
        return [
            (
                stamp_of(stamps_of(sample.volume)),
                Stamp.of((file, "") for file in sample.label_files),
            )
            for sample in self.samples
        ]


def _three(depth: int) -> list[int]:
    return sorted({0, depth // 2, depth - 1})


def _slice_crc(volume: Volume, z: int) -> int:
    try:
        return zlib.crc32(volume.read(Box((z, 0, 0), (z + 1, *volume.shape[1:]))).tobytes())
    except UserError:  # it had no hash then
        return 0


def check_name(name: object, what: str) -> str:
    """Refuse what cannot be printed, or be the name of anything: all else is a name."""
    if not isinstance(name, str) or not name.strip():
        raise UserError(f"{what} must be a text, but is {name!r}.")
    if any(category(character) in UNPRINTABLE for character in name):
        raise UserError(f"{what} must not hold control characters, but is {name!r}.")
    return name


def checked(dataset: Dataset) -> Dataset:
    """The dataset, after a look at every label; those that show no material do not count.

    Raises
    ------
    UserError
        For samples of one name, regions outside their volume or of different parts that overlap,
        label values that are not declared, and a part that lacks a class.
    """
    names = [sample.name for sample in dataset.samples]
    if not names:
        raise UserError(f"a dataset must have at least one sample, but {dataset.path} has none.")
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"samples must have different names, but {dataset.path} has {names.count(name)} "
                f"named {name}."
            )
    check_name(dataset.name, f"the name of {dataset.path}")
    for sample in dataset.samples:
        check_name(sample.name, f"a sample of {dataset.path}")
        for region in sample.regions:
            check_name(region.name, f"a mask of sample {sample.name}")
        _check_boxes(sample)
    dataset = replace(dataset, samples=tuple(map(on_material, dataset.samples)))
    _check_classes(dataset)
    return dataset


def _check_boxes(sample: Sample) -> None:
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


def _check_apart(samples: Sequence[Sample], digests: Mapping[str, Mapping[int, str]]) -> None:
    """Two samples may show one film, or parts of it: what one learns from, none is tested on."""
    in_slice: dict[str, list[tuple[Sample, Region]]] = {}
    for sample in samples:
        for region in sample.regions:
            digest = digests[sample.name][region.box.start[0]]
            if digest != UNREADABLE:
                in_slice.setdefault(digest, []).append((sample, region))
    for found in in_slice.values():
        for (one, region), (two, other) in combinations(found, 2):
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


def _check_classes(dataset: Dataset) -> None:
    for split in SPLITS:
        regions = dataset.regions(split)
        found = np.zeros(256, np.int64)
        for region in regions:
            found += np.bincount(region.read().ravel(), minlength=256)
        for value, name in enumerate(("pore", "solid")):
            if regions and not found[value]:
                raise UserError(
                    f"every split must hold both classes, but {split} of {dataset.path} has no "
                    f"pixel of class {name} (label value {getattr(dataset.classes, name)}) in its "
                    f"{len(regions)} regions; the choices are more labels that show it, a column "
                    "`split` in the region table, or another split.seed for every command."
                )


def check_depth(dataset: Dataset, n_z: int, recipe: SplitRecipe) -> None:
    """Refuse a neighbourhood that reaches across the gap of a dense label stack."""
    dense = [sample.name for sample in dataset.samples if sample.dense]
    if dense and n_z > recipe.deepest:
        raise UserError(
            f"`nbhd` must be at most split.gap + 1 = {recipe.gap + 1} slices deep where dense "
            f"labels are divided by slices (sample {dense[0]}), but n_z is {n_z}; the choices are "
            f"n_z up to {recipe.deepest} or a larger split.gap."
        )


def porosity(labels: Sequence[LabelArray]) -> list[float]:
    """Share of pore pixels in each labelled array; unlabelled pixels do not count."""
    return [
        float((array == 0).sum() / labelled)
        for array in labels
        if (labelled := int((array != IGNORE).sum()))
    ]


def by_split(sample: Sample) -> Mapping[Split, tuple[Region, ...]]:
    """The regions of a sample by part."""
    return {split: tuple(r for r in sample.regions if r.split == split) for split in SPLITS}
