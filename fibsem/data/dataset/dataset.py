"""Samples that belong together, the digests that scores depend on, and consistency checks.

The readers (`manifest`, `archive`) create a `Dataset`; all other code only uses it.
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
from fibsem.data.dataset.digests import digest_of, slice_digests
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
from fibsem.data.dataset.watched import WatchedFiles
from fibsem.data.volumes import Volume, VoxelNm
from fibsem.data.volumes.covered import stored
from fibsem.data.volumes.layered import anew
from fibsem.errors import UserError
from fibsem.system.file_names import same_file

#: Prefix of the sample name in the keys of label digests.
LABELS = "labels of "
#: Unicode categories not allowed in names: controls, surrogates, line and paragraph separators.
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True)
class Dataset:
    """Samples with one microscope, one voxel size and one meaning of the labels."""

    name: str
    path: Path
    voxel_nm: VoxelNm
    classes: Classes
    samples: tuple[Sample, ...]

    def regions(self, split: Split) -> tuple[Region, ...]:
        """Return all labelled regions of a split, sample by sample."""
        return tuple(r for s in self.samples for r in s.labelled if r.split == split)

    def pixels(self, split: Split) -> tuple[int, int]:
        """Return the numbers of labelled pore and solid pixels of a split."""
        parts = (s.pixels[[r.split == split for r in s.regions]] for s in self.samples if s.regions)
        pore, solid = sum((counts.sum(axis=0) for counts in parts), np.zeros(2, np.int64)).tolist()
        return pore, solid

    def sample(self, name: str) -> Sample:
        """Return the sample with this name."""
        return next(sample for sample in self.samples if sample.name == name)

    def named(self, name: str) -> Dataset:
        """Return the dataset under another name."""
        return replace(self, name=check_name(name, "`data.name`"))

    @cached_property
    def hash(self) -> str:
        """Hex digits of all that scores depend on: labels, positions, splits, and every grey value.

        File names and dates do not count, so a copy has the same hash. The first twelve digits
        are the complete hash of earlier versions, which covered only the first, middle and last
        slice of each volume (see :func:`fibsem.system.identity.same_data`).
        """
        parts = {key: value for key, value in self._parts.items() if key != "name"}
        return f"{self._former_hash}-{digest_of(parts, 12)}"

    @property
    def digests(self) -> dict[str, str]:
        """Digests of all parts and the hash, for an :class:`~fibsem.system.identity.Identity`."""
        return {**self._parts, "hash": self.hash}

    def changed(self) -> list[str]:
        """Return the names of parts whose grey values or labels have changed since the digest.

        Files that have not been written to are not read again.
        """
        stamps = self._files.stamps()
        if self._files.are_unwritten(stamps, labels=True):
            return []
        if not (differing := self._compared(labels=True)):
            self._files.keep(stamps)
        return differing

    def _compared(self, *, labels: bool) -> list[str]:
        """Return the names of the parts whose digest is not that of the present files."""
        before, now = self._parts, self._anew()._parts
        counted = [key for key in now if labels or not key.startswith(LABELS)]
        return [key for key in counted if now[key] != before[key]]

    def _anew(self) -> Dataset:
        """Return the dataset of the present files, without cached layers of labels."""
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
        """Raise UserError if grey values or labels have changed since they were digested.

        Files that have not been written to are not read again.

        Parameters
        ----------
        labels
            Whether labels are checked, too; some results depend on grey values only.

        Returns
        -------
        bool
            True if no file has been written to since the digest or the last call. False if one has,
            but holds the same data as before; in between it may have held something else.

        Raises
        ------
        UserError
            If anything has changed; the message names it.
        """
        self._parts  # noqa: B018 - digested now, if it was not before
        stamps = self._files.stamps()
        if self._files.are_unwritten(stamps, labels=labels):
            return True
        if changed := self._compared(labels=labels):
            raise UserError(
                f"data must not change while they are in use, but {', '.join(changed)} of "
                f"{self.path} did; the choices are the former ones or overwrite=true."
            )
        if labels:
            self._files.keep(stamps)  # report a write only once
        return False

    @cached_property
    def slices(self) -> dict[str, dict[int, str]]:
        """Digest of every slice of each sample, by slice number; all slices are read once."""
        self._files  # noqa: B018 - stamped before reading, so that changes during it are noticed
        return {sample.name: slice_digests(sample.volume) for sample in self.samples}

    @cached_property
    def _parts(self) -> dict[str, str]:
        """Digests of the grey values and of the labels of each sample, and the dataset's name."""
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
        """Position, split and checksum of the regions of each sample."""
        return {
            sample.name: [
                [r.box.start, r.box.stop, r.split, zlib.crc32(r.read().tobytes())]
                for r in sample.regions
            ]
            for sample in self.samples
        }

    @cached_property
    def _former_hash(self) -> str:
        """Twelve hex digits as earlier versions computed them, of three slices of each sample."""
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
    def _files(self) -> WatchedFiles:
        """Files of the samples, with their stamps when they were last digested or compared."""
        return WatchedFiles(self.samples)


def _three(depth: int) -> list[int]:
    return sorted({0, depth // 2, depth - 1})


def _slice_crc(volume: Volume, z: int) -> int:
    try:
        plain = volume.with_source(stored(volume.source))
        return zlib.crc32(plain.slice(z).tobytes())
    except UserError:  # earlier versions had no hash for it
        return 0


def check_name(name: object, what: str) -> str:
    """Return ``name``, or raise UserError if it is no text, blank, or not printable."""
    if not isinstance(name, str) or not name.strip():
        raise UserError(f"{what} must be a text, but is {shown(name)}.")
    if any(category(character) in UNPRINTABLE for character in name):
        raise UserError(f"{what} must not hold control characters, but is {name!r}.")
    return name


def checked(dataset: Dataset) -> Dataset:
    """Return the dataset with labels restricted to material, after checking every label.

    Raises
    ------
    UserError
        If there is no sample, samples have names that a disk may not tell apart, a region lies
        outside its volume or overlaps one of another split, a label value is not declared, or a
        split with regions lacks a class.
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
    if clashing := {name for name in names if [*map(same_file, names)].count(same_file(name)) > 1}:
        raise UserError(
            "samples must have names that every disk tells apart, by more than case and the way "
            f"accents are stored, but {dataset.path} has {', '.join(sorted(clashing))}."
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
    """Return a note on the labelled pixels off the material, or an empty text."""
    left = sum(map(left_out, regions))
    said = "labelled pixels of them show no material by `valid` of the manifest and do not count"
    return f" ({left} {said})" if left else ""


def _other_parts(samples: Sequence[Sample]) -> str:
    """Return a hint on how to divide squares otherwise; empty if all labels are dense."""
    if any(sample.divided for sample in samples):
        return (
            ", a column `split` in the region table, or for every command another split.seed or a "
            "smaller split.guard_px and split.guard_slices, as near squares stay in one part"
        )
    return "" if all(sample.dense for sample in samples) else ", or other parts in column `split`"


def check_depth(dataset: Dataset, n_z: int, recipe: SplitRecipe, key: str = "nbhd") -> None:
    """Raise UserError if a neighbourhood is deeper than the gap of dense label stacks allows.

    ``key`` is the configuration key that gave the neighbourhood.
    """
    dense = [sample.name for sample in dataset.samples if sample.dense]
    if dense and n_z > recipe.deepest:
        raise UserError(
            f"`{key}` must be at most split.gap + 1 = {recipe.gap + 1} slices deep where dense "
            f"labels are divided by slices (sample {dense[0]}), but n_z is {n_z}; the choices are "
            f"n_z up to {recipe.deepest} or a larger split.gap."
        )
