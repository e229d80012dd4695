"""Samples that belong together: what scores of them depend on, and what must hold for them.

Readers (`manifest`, `archive`) make a `Dataset`; everything else asks it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from unicodedata import category

import numpy as np

from fibsem.data.dataset.as_written import shown
from fibsem.data.dataset.digests import Stamp, digest_of, slice_digests, stamp_of, stamps_of
from fibsem.data.dataset.labels import Classes, LabelArray
from fibsem.data.dataset.masks import Cut
from fibsem.data.dataset.samples import (
    OnMaterial,
    Region,
    Sample,
    check_apart,
    check_boxes,
    left_out,
    on_material,
    with_own_keys,
)
from fibsem.data.dataset.split import SPLITS, Split, SplitRecipe
from fibsem.data.volumes import Volume, VoxelNm
from fibsem.data.volumes.covered import stored
from fibsem.data.volumes.layered import anew
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.system.file_names import same_file

#: How the digests of labels are called, before the name of the sample.
LABELS = "labels of "
#: Kinds of characters that no name holds: control, halves of others, ends of lines and paragraphs.
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True)
class Dataset:
    """Samples that belong together: one microscope, one voxel size, one meaning of the labels."""

    name: str
    path: Path
    voxel_nm: VoxelNm
    classes: Classes
    samples: tuple[Sample, ...]

    def regions(self, split: Split) -> tuple[Region, ...]:
        """All regions of a part with a label, sample by sample."""
        return tuple(r for s in self.samples for r in s.labelled if r.split == split)

    def pixels(self, split: Split) -> tuple[int, int]:
        """Labelled pores and solids of a part."""
        parts = (s.pixels[[r.split == split for r in s.regions]] for s in self.samples if s.regions)
        pore, solid = sum((part.sum(axis=0) for part in parts), np.zeros(2, np.int64)).tolist()
        return pore, solid

    def sample(self, name: str) -> Sample:
        """The sample of this name."""
        return next(sample for sample in self.samples if sample.name == name)

    def named(self, name: str) -> Dataset:
        """The dataset under another name."""
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

    def changed(self) -> list[str]:
        """What holds other grey values or labels than when it was digested.

        Files that nobody has written to are not read again.
        """
        stamps = self._stamped()
        if self._are_those_before(stamps, labels=True):
            return []
        if not (differing := self._compared(labels=True)):
            vars(self)["_stamps"] = stamps
        return differing

    def _are_those_before(self, stamps: Sequence[Sequence[str | Stamp]], *, labels: bool) -> bool:
        """Whether nobody has written to the files since they were digested."""
        of = slice(None) if labels else slice(-1)
        return [some[of] for some in stamps] == [some[of] for some in self._stamps]

    def _compared(self, *, labels: bool) -> list[str]:
        """Which parts the files hold differently now."""
        before, now = self._parts, self._anew()._parts
        counted = [key for key in now if labels or not key.startswith(LABELS)]
        return [key for key in counted if now[key] != before[key]]

    def _anew(self) -> Dataset:
        """The dataset as its files are now: layers of labels that were kept are not looked at."""
        volumes: dict[int, Volume] = {}

        def read_anew(read: Callable[[], LabelArray]) -> Callable[[], LabelArray]:
            if isinstance(read, OnMaterial):
                return replace(read, labels=read_anew(read.labels))
            if not isinstance(read, Cut):
                return read
            stack = read.labels
            again = volumes.setdefault(id(stack), stack.with_source(anew(stack.source)))
            return replace(read, labels=again)

        samples = [
            replace(s, regions=tuple(replace(r, read=read_anew(r.read)) for r in s.regions))
            for s in self.samples
        ]
        return replace(self, samples=tuple(samples))

    def check_unchanged(self, *, labels: bool = True) -> bool:
        """Refuse a result if grey values or labels were changed since they were digested.

        Files that nobody has written to are not read again.

        Parameters
        ----------
        labels
            Whether they count: a result that is of grey values alone does not depend on them.

        Returns
        -------
        bool
            Whether nobody has written to them since, or since this was last asked. Else they hold
            the same as before, which says nothing of what they held meanwhile.

        Raises
        ------
        UserError
            Names what was changed.
        """
        self._parts  # noqa: B018 - digested now, if it was not before
        stamps = self._stamped()
        if self._are_those_before(stamps, labels=labels):
            return True
        if changed := self._compared(labels=labels):
            raise UserError(
                f"data must not change while they are in use, but {', '.join(changed)} of "
                f"{self.path} did; the choices are the former ones or overwrite=true."
            )
        if labels:
            vars(self)["_stamps"] = stamps  # it is told once
        return False

    @cached_property
    def slices(self) -> dict[str, dict[int, str]]:
        """Digest of every slice of each sample, by its number; all of them are read once."""
        self._stamps  # noqa: B018 - before anything is read: what changes meanwhile is noticed
        return {sample.name: slice_digests(sample.volume) for sample in self.samples}

    @cached_property
    def _parts(self) -> dict[str, str]:
        """Digest of the grey values and of the labels of each sample, and the name."""
        parts, read = {"name": self.name}, self.slices
        for sample in self.samples:
            volume = sample.volume
            kind: list[object] = [volume.shape, str(volume.dtype), volume.value_range]
            if sample.extent and sample.extent.mask:
                kind.append(list(slice_digests(sample.extent.mask).values()))
            elif sample.valid != "auto":
                kind.append(sample.valid)
            slices = list(read[sample.name].values())
            parts[f"grey values of {sample.name}"] = digest_of([kind, slices])
            truth = [zlib.crc32(r.read_truth().tobytes()) for r in sample.regions if r.read_truth]
            parts[f"{LABELS}{sample.name}"] = digest_of([self._labels[sample.name], truth])
        check_apart(self.samples, read)
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
    def _stamps(self) -> list[tuple[str | Stamp, ...]]:
        return self._stamped()

    def _stamped(self) -> list[tuple[str | Stamp, ...]]:
        """What the system says of the files of each sample: film, mask of material, labels."""
        return [
            (
                *(stamp_of(stamps_of(volume)) for volume in _read_of(sample)),
                Stamp.of((file, "") for file in sample.label_files),
            )
            for sample in self.samples
        ]


def _read_of(sample: Sample) -> list[Volume]:
    """The volumes that a sample is read from: its film, and the mask of its material."""
    mask = sample.extent and sample.extent.mask
    return [sample.volume, *([mask] if mask else [])]


def _three(depth: int) -> list[int]:
    return sorted({0, depth // 2, depth - 1})


def _slice_crc(volume: Volume, z: int) -> int:
    try:
        plain = volume.with_source(stored(volume.source))
        return zlib.crc32(plain.read(Box((z, 0, 0), (z + 1, *volume.shape[1:]))).tobytes())
    except UserError:  # it had no hash then
        return 0


def check_name(name: object, what: str) -> str:
    """Refuse what cannot be printed, or be the name of anything: all else is a name."""
    if not isinstance(name, str) or not name.strip():
        raise UserError(f"{what} must be a text, but is {shown(name)}.")
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
    if alike := {name for name in names if [*map(same_file, names)].count(same_file(name)) > 1}:
        raise UserError(
            "samples must have names that every disk tells apart, by more than case and the way "
            f"accents are stored, but {dataset.path} has {', '.join(sorted(alike))}."
        )
    check_name(dataset.name, f"the name of {dataset.path}")
    for sample in dataset.samples:
        check_name(sample.name, f"a sample of {dataset.path}")
        for region in sample.regions:
            check_name(region.name, f"a mask of sample {sample.name}")
        check_boxes(sample)
    dataset = replace(dataset, samples=tuple(map(on_material, map(with_own_keys, dataset.samples))))
    _check_classes(dataset)
    return dataset


def _check_classes(dataset: Dataset) -> None:
    for split in SPLITS:
        regions = [r for s in dataset.samples for r in s.regions if r.split == split]
        for name, pixels in zip(("pore", "solid"), dataset.pixels(split), strict=True):
            if regions and not pixels:
                raise UserError(
                    f"every split must hold both classes, but {split} of {dataset.path} has no "
                    f"pixel of class {name} (label value {getattr(dataset.classes, name)}) in its "
                    f"{len(regions)} regions{_not_counted(regions)}; the choices are more labels "
                    f"that show it{_other_parts(dataset.samples)}."
                )


def _not_counted(regions: Sequence[Region]) -> str:
    """How many labels are there, but not on material."""
    left = sum(map(left_out, regions))
    said = "labelled pixels of them show no material by `valid` of the manifest and do not count"
    return f" ({left} {said})" if left else ""


def _other_parts(samples: Sequence[Sample]) -> str:
    """What would divide squares otherwise; nothing of labels that are divided by slices."""
    if any(sample.divided for sample in samples):
        return (
            ", a column `split` in the region table, or for every command another split.seed or a "
            "smaller split.guard_px and split.guard_slices, as near squares stay in one part"
        )
    return "" if all(sample.dense for sample in samples) else ", or other parts in column `split`"


def check_depth(dataset: Dataset, n_z: int, recipe: SplitRecipe, key: str = "nbhd") -> None:
    """Refuse a neighbourhood that reaches across the gap of a dense label stack.

    ``key`` is that of the configuration which named it.
    """
    dense = [sample.name for sample in dataset.samples if sample.dense]
    if dense and n_z > recipe.deepest:
        raise UserError(
            f"`{key}` must be at most split.gap + 1 = {recipe.gap + 1} slices deep where dense "
            f"labels are divided by slices (sample {dense[0]}), but n_z is {n_z}; the choices are "
            f"n_z up to {recipe.deepest} or a larger split.gap."
        )
