"""``dataset.yaml`` -> `Dataset`: any set of volumes with region tables or dense label stacks."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fibsem.data import archive
from fibsem.data.as_written import read_yaml
from fibsem.data.dataset import (
    Classes,
    Dataset,
    LabelArray,
    Region,
    Sample,
    check_name,
    checked,
)
from fibsem.data.split import SPLITS, Split, SplitRecipe, divide, slice_ranges
from fibsem.data.volumes import Volume, VoxelNm, open_volume
from fibsem.data.volumes.source import File
from fibsem.errors import UserError
from fibsem.geometry import Box

#: Side of the regions that a dense label stack is cut into.
REGION_PX = 256

TOP_KEYS = ("name", "voxel_nm", "classes", "ignore", "samples")
SAMPLE_KEYS = ("name", "volume", "regions", "labels", "range", "expected_porosity")
#: Keys of names and paths.
TEXTS = ("name", "volume", "regions", "labels")
COLUMNS = ("mask", "z", "y", "x")


def load_dataset(path: str | Path, recipe: SplitRecipe | None = None) -> Dataset:
    """Open a dataset and check every label of it.

    Parameters
    ----------
    path
        A ``dataset.yaml``, a folder with one, or the published archive: its zip or its folder.
    recipe
        How labels without a given split are divided.

    Raises
    ------
    UserError
        If anything in it cannot be used; the message names the file and the value.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(
            f"`data.path` must name a dataset.yaml, its folder or the archive, but {path} is not "
            "there."
        )
    if archive.is_archive(path):
        return checked(archive.read_archive(path))
    if path.is_dir():
        path = path / "dataset.yaml"
        if not path.is_file():
            raise UserError(
                f"`data.path` must be a folder with a dataset.yaml, but {path.parent} has none; "
                "the README shows one in ten lines."
            )
    return checked(_read_manifest(path, recipe or SplitRecipe()))


def _read_manifest(path: Path, recipe: SplitRecipe) -> Dataset:
    try:
        record = read_yaml(path.read_text(encoding="utf-8"), TEXTS)
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"a manifest must be YAML, but {path} is not: {reason}.") from error
    record = _mapping(record, TOP_KEYS, str(path))
    named = _mapping(_need(record, "classes", str(path)), ("pore", "solid"), f"{path}: classes")
    classes = Classes(
        _label_value(_need(named, "pore", f"{path}: classes"), path),
        _label_value(_need(named, "solid", f"{path}: classes"), path),
        None if record.get("ignore") is None else _label_value(record["ignore"], path),
    )
    samples = _need(record, "samples", str(path))
    if not isinstance(samples, list):
        raise UserError(f"`samples` must be a list, but {path} has {samples!r}.")
    return Dataset(
        name=_text(record, "name", str(path)),
        path=path,
        voxel_nm=_voxel_nm(record.get("voxel_nm"), path),
        classes=classes,
        samples=tuple(
            _read_sample(entry, k, path, classes, recipe) for k, entry in enumerate(samples)
        ),
    )


def _read_sample(
    entry: object, number: int, path: Path, classes: Classes, recipe: SplitRecipe
) -> Sample:
    where = f"{path}: sample {number}"
    record = _mapping(entry, SAMPLE_KEYS, where)
    name = _text(record, "name", where)
    where = f"{path}: sample {name}"
    if "regions" in record and "labels" in record:
        raise UserError(f"a sample must have `regions` or `labels`, but {where} has both.")
    value_range = record.get("range")
    volume = open_volume(
        path.parent / _text(record, "volume", where),
        value_range=value_range,
    )
    regions: tuple[Region, ...] = ()
    files: list[File] = []
    if record.get("regions") is not None:
        table = path.parent / _text(record, "regions", where)
        regions = _read_table(table, name, number, classes, recipe)
        files = [table, *(table.parent / region.name for region in regions)]
    elif record.get("labels") is not None:
        labels = open_volume(path.parent / _text(record, "labels", where), sparse=True)
        regions = tuple(_cut(labels, volume, name, classes, recipe))
        files = [file for z in range(labels.shape[0]) for file, _ in labels.source.places(z)]
    expected = record.get("expected_porosity")
    if expected is not None and not (isinstance(expected, int | float) and 0 <= expected <= 1):
        raise UserError(f"`expected_porosity` must be from 0 to 1, but {where} has {expected!r}.")
    dense = record.get("labels") is not None
    return Sample(name, volume, regions, expected, dense, tuple(files))


@dataclass(frozen=True)
class Mask:
    """Labels in a picture of their own."""

    path: Path
    classes: Classes

    def __call__(self) -> LabelArray:
        picture = open_volume(self.path, sparse=True)
        return self.classes.read(picture.read(Box.whole(picture.shape))[0], str(self.path))


@dataclass(frozen=True)
class Cut:
    """Labels in a box of a dense label stack."""

    labels: Volume
    box: Box
    classes: Classes

    def __call__(self) -> LabelArray:
        where = f"slice {self.box.start[0]} of {self.labels.path}"
        return self.classes.read(self.labels.read(self.box)[0], where)


def _read_table(
    table: Path, sample: str, number: int, classes: Classes, recipe: SplitRecipe
) -> tuple[Region, ...]:
    """Read ``mask,z,y,x[,split][,truth]``; without a split column the squares are divided."""
    rows = list(_rows(table))
    boxes = []
    for line, row in rows:
        masks = open_volume(table.parent / row["mask"])
        if masks.shape[0] != 1:
            raise UserError(
                f"a mask must be one picture, but {masks.path} has {masks.shape[0]} pages."
            )
        z, y, x = (_whole(row[key], f"column {key}, line {line} of {table}") for key in "zyx")
        boxes.append(Box((z, y, x), (z + 1, y + masks.shape[1], x + masks.shape[2])))
    given = [row.get("split") for _, row in rows]
    splits = (
        [_split_name(name, line, table) for name, (line, _) in zip(given, rows, strict=True)]
        if any(given)
        else divide(boxes, recipe, salt=[number])
    )
    return tuple(
        Region(
            sample,
            row["mask"],
            box,
            split,
            Mask(table.parent / row["mask"], classes),
            Mask(table.parent / row["truth"], classes) if row.get("truth") else None,
        )
        for (_, row), box, split in zip(rows, boxes, splits, strict=True)
    )


def _rows(table: Path) -> Iterable[tuple[int, dict[str, str]]]:
    """Rows of a CSV with their line numbers."""
    if not table.is_file():
        raise UserError(f"`regions` must name a CSV file, but {table} is not there.")
    with table.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise UserError(
                f"a region table must have the columns {','.join(COLUMNS)}[,split], but {table} "
                f"lacks {', '.join(missing)}."
            )
        for row in reader:
            if None in row or None in row.values():
                raise UserError(
                    f"every line of a region table must have {len(reader.fieldnames or ())} "
                    f"values, but line {reader.line_num} of {table} has not."
                )
            yield reader.line_num, row


def _split_name(name: str | None, line: int, table: Path) -> Split:
    for split in SPLITS:
        if name == split:
            return split
    raise UserError(
        f"`split` must be one of {', '.join(SPLITS)}, but line {line} of {table} has {name!r}."
    )


def _cut(
    labels: Volume, volume: Volume, sample: str, classes: Classes, recipe: SplitRecipe
) -> Iterable[Region]:
    """Cut a dense label stack into regions; slices in the gaps belong to none."""
    if labels.shape != volume.shape:
        raise UserError(
            f"dense labels must have the shape of their volume, {volume.shape}, but {labels.path} "
            f"has {labels.shape}."
        )
    for split, planes in slice_ranges(labels.shape[0], recipe).items():
        part = Box((planes.start, 0, 0), (planes.stop, *labels.shape[1:]))
        for box in part.tiles((1, REGION_PX, REGION_PX)):
            name = "z{}-y{}-x{}".format(*box.start)
            yield Region(sample, name, box, split, Cut(labels, box, classes))


def _mapping(value: object, known: tuple[str, ...], where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{where} must be a mapping of {', '.join(known)}, but is {value!r}.")
    for key in value:
        if key not in known:
            raise UserError(
                f"{where} has the unknown key {key!r}; the keys are {', '.join(known)}."
            )
    return value


def _need(record: Mapping[str, Any], key: str, where: str) -> Any:
    if record.get(key) is None:
        raise UserError(f"`{key}` must be given, but {where} lacks it.")
    return record[key]


def _text(record: Mapping[str, Any], key: str, where: str) -> str:
    return check_name(_need(record, key, where), f"`{key}` of {where}")


def _label_value(value: object, path: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise UserError(
            f"`classes` and `ignore` must be label values from 0 to 65535, but {path} has "
            f"{value!r}."
        )
    return value


def _whole(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(f"{where} must be a whole number, but is {text!r}.") from None


def _voxel_nm(value: object, path: Path) -> VoxelNm:
    if value is None:
        return None, None, None
    sizes = _mapping(value, ("z", "y", "x"), f"{path}: voxel_nm")
    read: list[float | None] = []
    for axis in "zyx":
        size = sizes.get(axis)
        if size is not None and (
            isinstance(size, bool) or not isinstance(size, int | float) or not size > 0
        ):
            raise UserError(
                f"`voxel_nm` must be positive nanometres or null, but {path} has {axis}: {size!r}."
            )
        read.append(None if size is None else float(size))
    return read[0], read[1], read[2]
