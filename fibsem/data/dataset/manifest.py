"""Read ``dataset.yaml`` into a `Dataset`: volumes with region tables or dense label stacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from fibsem.data.dataset import archive
from fibsem.data.dataset.as_written import read_yaml, shown
from fibsem.data.dataset.dataset import Dataset, checked
from fibsem.data.dataset.entries import need, read_classes, read_mapping, read_text, read_voxel_nm
from fibsem.data.dataset.labels import IGNORE, Classes
from fibsem.data.dataset.masks import OF_LABELS, Cut
from fibsem.data.dataset.regions import read_regions
from fibsem.data.dataset.samples import Region, Sample
from fibsem.data.dataset.split import SPLITS, SplitRecipe, divide_together, labelled_ranges
from fibsem.data.material import RULES, given_extent
from fibsem.data.volumes import Manner, Volume, VoxelNm, reopen, stated_nm
from fibsem.data.volumes.faults import File, absence, kind_of, read_bytes
from fibsem.data.volumes.lengths import differing, finite
from fibsem.data.volumes.voxels import UNKNOWN_NM
from fibsem.errors import UserError
from fibsem.geometry import Box
from fibsem.system.advice import SPARSE, VOXEL_NM, called
from fibsem.system.home import home_path

#: Side in pixels of the regions that a dense label stack is cut into.
REGION_PX = 256

TOP_KEYS = ("name", "voxel_nm", "classes", "ignore", "samples")
SAMPLE_KEYS = (
    "name", "volume", "pattern", "series", "sparse", "range", "regions", "labels",
    "labels_pattern", "labels_series", "labels_sparse", "expected_porosity", "valid",
)  # fmt: skip
#: Keys whose values are names or paths.
TEXTS = (
    "name", "volume", "pattern", "series", "regions", "labels", "labels_pattern", "labels_series",
    "valid",
)  # fmt: skip


def load_dataset(path: str | Path, recipe: SplitRecipe | None = None) -> Dataset:
    """Open a dataset and check all its labels.

    Parameters
    ----------
    path
        A ``dataset.yaml``, a folder that holds one, or the published archive as zip or folder.
    recipe
        How regions without a given split are divided; ``SplitRecipe()`` by default.

    Raises
    ------
    UserError
        If anything in it is invalid; the message names the file and the value.

    Examples
    --------
    ```python
    film = load_dataset("film", SplitRecipe(guard_px=64))
    [sample.name for sample in film.samples], len(film.regions("train"))
    ```
    """
    path = home_path(str(path)).absolute()  # the working directory may change later
    kind = kind_of(path)
    if kind == "absent":
        raise UserError(
            "`data.path` must name a dataset.yaml, its folder or the archive, but "
            f"{absence(path)}; by name there are data=demo, phantom and hpc."
        )
    manifest = path / "dataset.yaml"
    if kind == "folder" and kind_of(manifest) == "file":
        path = manifest
    elif archive.is_archive(path):
        return checked(archive.read_archive(path))
    elif kind == "folder":
        raise UserError(
            f"`data.path` must be a folder with a dataset.yaml, but {path} has none; "
            "the README shows one in ten lines."
        )
    return checked(_read_manifest(path, recipe or SplitRecipe()))


def _read_manifest(path: Path, recipe: SplitRecipe) -> Dataset:
    try:
        text = read_bytes(path, "a manifest must be a file").decode("utf-8-sig")
        record = read_yaml(text, TEXTS)
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"a manifest must be YAML, but {path} is not: {reason}.") from error
    record = read_mapping(record, TOP_KEYS, str(path))
    classes = read_classes(need(record, "classes", str(path)), record.get("ignore"), path)
    entries = need(record, "samples", str(path))
    if not isinstance(entries, list):
        raise UserError(f"`samples` must be a list, but {path} has {shown(entries)}.")
    samples = tuple(
        _read_sample(entry, k, path, classes, recipe) for k, entry in enumerate(entries)
    )
    declared = read_voxel_nm(record.get("voxel_nm"), path)
    return Dataset(
        name=read_text(record, "name", str(path)),
        path=path,
        voxel_nm=stated_nm(declared, _common_nm(samples, declared, path)),
        classes=classes,
        samples=_in_every_part(samples, recipe),
    )


def _in_every_part(samples: tuple[Sample, ...], recipe: SplitRecipe) -> tuple[Sample, ...]:
    """Divide samples together if a division of each by itself leaves a split without squares."""
    if {region.split for sample in samples for region in sample.regions} == set(SPLITS):
        return samples
    few = [sample for sample in samples if sample.divided]
    parts = divide_together([[r.box for r in sample.regions] for sample in few], recipe)
    if parts is None:
        return samples
    anew = {
        sample.name: tuple(
            replace(region, split=split)
            for region, split in zip(sample.regions, splits, strict=True)
        )
        for sample, splits in zip(few, parts, strict=True)
    }
    return tuple(replace(s, regions=anew.get(s.name, s.regions)) for s in samples)


def _common_nm(samples: Sequence[Sample], declared: VoxelNm, path: Path) -> VoxelNm:
    """Return the voxel size that the files of all samples state, None on the other axes.

    Raises UserError if they differ and the manifest does not declare the size: one network is
    trained on all samples.
    """
    for one, other in combinations(samples, 2):
        sizes = one.volume.voxel_nm, other.volume.voxel_nm
        unsaid = [axis for axis in differing(*sizes) if declared["zyx".index(axis)] is None]
        if unsaid:
            axis = unsaid[0]
            a, b = (size["zyx".index(axis)] for size in sizes)
            raise UserError(
                f"all samples must have one voxel size, but along {axis} the files of {one.name} "
                f"state {a:g} nm and those of {other.name} {b:g} nm in {path}; the choices are "
                f"films scaled to one size, a dataset each, or `{VOXEL_NM}` where the files are "
                "wrong."
            )
    stated = [sample.volume.voxel_nm for sample in samples] or [UNKNOWN_NM]
    z, y, x = (axis[0] if all(axis) else None for axis in zip(*stated, strict=True))
    return z, y, x


def _read_sample(
    entry: object, number: int, path: Path, classes: Classes, recipe: SplitRecipe
) -> Sample:
    where = f"{path}: sample {number}"
    record = read_mapping(entry, SAMPLE_KEYS, where)
    name = read_text(record, "name", where)
    where = f"{path}: sample {name}"
    if "regions" in record and "labels" in record:
        raise UserError(f"a sample must have `regions` or `labels`, but {where} has both.")
    for key in ("labels_pattern", "labels_series", "labels_sparse"):
        if record.get(key) is not None and record.get("labels") is None:
            raise UserError(f"`{key}` is for `labels`, but {where} has none.")
    manner = _manner(record, "", where)
    volume = reopen(_path(record, "volume", path, where), manner, record.get("range"))
    regions: tuple[Region, ...] = ()
    divided, table = False, None
    in_gaps: tuple[int, ...] = ()
    files: list[File] = []
    if record.get("regions") is not None:
        table = _path(record, "regions", path, where)
        read = read_regions(table, name, number, classes, recipe)
        regions, divided = read.regions, read.divided
        files = [table, *read.files]
    elif record.get("labels") is not None:
        with called(OF_LABELS):
            manner = _manner(record, "labels_", where)
            manner = replace(manner, labels=True, unlabelled=classes.ignore)
            labels = reopen(_path(record, "labels", path, where), manner)
        regions, in_gaps = _cut(labels, volume, name, classes, recipe)
        files = [file for z in range(labels.shape[0]) for file, _ in labels.source.places(z)]
    dense, valid = record.get("labels") is not None, _valid(record, volume, path, where)
    return Sample(
        name, volume, regions, _expected(record, where), dense, tuple(files), valid,
        divided=divided, table=table, in_gaps=in_gaps,
    )  # fmt: skip


def _expected(record: Mapping[str, Any], where: str) -> float | None:
    expected = record.get("expected_porosity")
    share = finite(expected)
    if expected is not None and (share is None or not 0 <= share <= 1):
        raise UserError(
            f"`expected_porosity` must be from 0 to 1, but {where} has {shown(expected)}."
        )
    return share


def _valid(record: Mapping[str, Any], volume: Volume, path: Path, where: str) -> str:
    """Return which voxels of a sample are material: a rule, or the path of a mask."""
    if record.get("valid") is None:
        return "auto"
    valid = read_text(record, "valid", where)
    if valid not in RULES:
        valid = str(_path(record, "valid", path, where).resolve())
        given_extent(volume.shape, valid)
    return valid


def _path(record: Mapping[str, Any], key: str, path: Path, where: str) -> Path:
    """Return the path given in a manifest, relative to its folder; ``~/`` is the home folder."""
    return path.parent / home_path(read_text(record, key, where))


def _manner(record: Mapping[str, Any], prefix: str, where: str) -> Manner:
    """Return which of several stacks to open, for the volume or for its labels."""
    pattern, series = (
        None if record.get(key) is None else read_text(record, key, where)
        for key in (f"{prefix}pattern", f"{prefix}series")
    )
    sparse = record.get(f"{prefix}sparse", False)
    if not isinstance(sparse, bool):
        raise UserError(f"`{SPARSE}` must be true or false, but {where} has {shown(sparse)}.")
    return Manner(sparse=sparse, pattern=pattern, series=series)


def _cut(
    labels: Volume, volume: Volume, sample: str, classes: Classes, recipe: SplitRecipe
) -> tuple[tuple[Region, ...], tuple[int, ...]]:
    """Cut a dense label stack into regions, and return them and the labelled slices in gaps.

    Slices in the gaps between splits belong to no region, but their labels are checked.
    """

    @cache
    def labelled(z: int) -> bool:
        plane = Box((z, 0, 0), (z + 1, *labels.shape[1:]))
        return bool((Cut(labels, plane, classes)() != IGNORE).any())

    if labels.shape != volume.shape:
        raise UserError(
            f"dense labels must have the shape of their volume, {volume.shape}, but {labels.path} "
            f"has {labels.shape}."
        )
    regions: list[Region] = []
    parts = labelled_ranges(labels.shape[0], recipe, labelled)
    for split, planes in parts.items():
        area = Box((planes.start, 0, 0), (planes.stop, *labels.shape[1:]))
        for box in area.tiles((1, REGION_PX, REGION_PX)):
            name = "z{}-y{}-x{}".format(*box.start)
            regions.append(Region(sample, name, box, split, Cut(labels, box, classes)))
    others = set(range(labels.shape[0])).difference(*parts.values())
    return tuple(regions), tuple(z for z in sorted(others) if labelled(z))
