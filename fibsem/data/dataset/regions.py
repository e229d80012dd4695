"""Read region tables: CSV files with one labelled square per line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from fibsem.data.dataset.labels import Classes
from fibsem.data.dataset.masks import Mask
from fibsem.data.dataset.samples import Region
from fibsem.data.dataset.split import SPLITS, Split, SplitRecipe, divide
from fibsem.data.dataset.tables import Row, read_table
from fibsem.data.volumes.faults import kind_of
from fibsem.errors import UserError
from fibsem.geometry import Box

COLUMNS = ("mask", "z", "y", "x")
#: Names of splits, and similarity of a column's name to `split` from which it is taken for it.
PARTS, LIKE = {*SPLITS, "training", "validation", "valid", "testing"}, 0.75
#: Optional columns with the sides of a square, and the axis of its mask.
SIDES = {"height": 0, "h": 0, "width": 1, "w": 1}
#: A whole number, also with zeros as decimals; and one that may have a mark of thousands or three
#: decimals.
WHOLE = re.compile(r"([+-]?\d{1,9})(?:[.,]0+)?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]000")


@dataclass(frozen=True)
class RegionTable:
    """The squares of a table, and the files of their masks and truths.

    ``divided`` is whether the recipe divided them, as the table states no splits.
    """

    regions: tuple[Region, ...]
    divided: bool
    files: tuple[Path, ...] = ()


def read_regions(
    table: Path, sample: str, number: int, classes: Classes, recipe: SplitRecipe
) -> RegionTable:
    """Read ``mask,z,y,x[,split][,truth][,annotator]``; without ``split`` the recipe divides.

    Parameters
    ----------
    table
        A CSV file; paths of masks are relative to its folder.
    sample, number
        Name and number of the sample; the number is a part of the seed of its division.
    classes, recipe
        Meaning of the label values, and settings of the division.

    Raises
    ------
    UserError
        If the table or a line is invalid; the message names the line.
    """
    rows = read_rows(table)
    masks = [Mask(_picture(row, "mask", table), classes) for row in rows]
    boxes = [_box(row, mask, table) for row, mask in zip(rows, masks, strict=True)]
    _check_once(rows, masks, boxes, table)
    _check_parts_named(rows, table)
    _check_sides(rows, masks, table)
    divided = not any(row.values.get("split") for row in rows)
    splits = (
        divide(boxes, recipe, salt=[number])
        if divided
        else [_split_name(row, table) for row in rows]
    )
    truths = [_truth(row, table, classes) for row in rows]
    for row, mask, truth in zip(rows, masks, truths, strict=True):
        if truth is not None and truth.shape != mask.shape:
            raise UserError(
                f"column truth, line {row.line} of {table} must name a picture as large as its "
                f"mask, {list(mask.shape)} pixels, but {truth.path} has {list(truth.shape)}."
            )
    regions = tuple(
        Region(
            sample,
            row.values["mask"],
            box,
            split,
            mask,
            truth,
            row.values.get("annotator", ""),
        )
        for row, mask, truth, box, split in zip(rows, masks, truths, boxes, splits, strict=True)
    )
    files = tuple(mask.path for mask in (*masks, *truths) if mask is not None)
    return RegionTable(regions, divided, files)


def read_rows(table: Path) -> list[Row]:
    """Read the rows of a region table, skipping empty lines and comments (#)."""
    if kind_of(table) != "file":
        raise UserError(f"`regions` must name a CSV file, but {table} is not there.")
    return read_table(table, COLUMNS, "a region table", f"{','.join(COLUMNS)}[,split]")


def _picture(row: Row, column: str, table: Path) -> Path:
    """Return the path of a picture named in a table, possibly with backslashes."""
    name = row.values[column]
    names = [name, name.replace("\\", "/")] if name else []
    for path in (table.parent / name for name in names):
        if kind_of(path) != "absent":
            return path
    raise UserError(
        f"column {column}, line {row.line} of {table} must name a picture, but "
        f"{name!r} is not there{_otherwise_called(table.parent / names[-1]) if names else ''}."
    )


def _otherwise_called(path: Path) -> str:
    """Name files that differ in extension or case only, as a hint for a message; else ""."""
    stem = path.stem.casefold()
    try:
        near = sorted(file.name for file in path.parent.iterdir() if file.stem.casefold() == stem)
    except (OSError, ValueError):  # no such folder, or no name that one could have
        return ""
    return f", while {' and '.join(near)} {'are' if near[1:] else 'is'}" if near else ""


def _box(row: Row, mask: Mask, table: Path) -> Box:
    height, width = mask.shape
    z, y, x = (_whole_number(row, column, table) for column in "zyx")
    return Box((z, y, x), (z + 1, y + height, x + width))


def _whole_number(row: Row, column: str, table: Path) -> int:
    text = row.values[column]
    if (number := WHOLE.fullmatch(text)) is None:
        shown = text if len(text) <= 20 else f"{text[:20]}..."
        raise UserError(
            f"column {column}, line {row.line} of {table} must be a whole number, but is {shown!r}."
        )
    if THOUSANDS.fullmatch(text):
        raise UserError(
            f"column {column}, line {row.line} of {table} must be a whole number, but {text!r} may "
            f"be {number[1]}000 or {number[1]}; write it without the mark."
        )
    return int(number[1])


def _check_once(
    rows: Sequence[Row], masks: Sequence[Mask], boxes: Sequence[Box], table: Path
) -> None:
    """Raise UserError for a mask listed twice at one place, which would count twice."""
    listed: dict[tuple[str, Box], int] = {}
    for row, mask, box in zip(rows, masks, boxes, strict=True):
        before = listed.setdefault((os.path.normpath(mask.path), box), row.line)
        if before != row.line:
            raise UserError(
                f"a square must be listed once, but lines {before} and {row.line} of {table} are "
                "the same."
            )


def _check_parts_named(rows: Sequence[Row], table: Path) -> None:
    """Raise UserError if splits are in a column of another name, which would be ignored."""
    for column in rows[0].values if rows and "split" not in rows[0].values else ():
        values = {row.values[column].casefold() for row in rows} - {""}
        if (values and values <= PARTS) or get_close_matches(column, ["split"], cutoff=LIKE):
            shown = ", ".join(sorted(values)[:4])
            raise UserError(
                f"the parts of squares must stand in a column `split`, but {table} has a column "
                f"{column} ({shown}); call it split, with {', '.join(SPLITS)}, or leave it out."
            )


def _check_sides(rows: Sequence[Row], masks: Sequence[Mask], table: Path) -> None:
    """Raise UserError if a mask has another size than the table states: it may have been scaled."""
    for row, mask in zip(rows, masks, strict=True):
        for column in (column for column in SIDES if row.values.get(column)):
            side, pixels = WHOLE.fullmatch(row.values[column]), mask.shape[SIDES[column]]
            if side and int(side[1]) != pixels:  # another length is no number of pixels
                raise UserError(
                    f"a mask must be as large as its line says, but {column} in line {row.line} of "
                    f"{table} is {side[1]}, and {row.values['mask']} has {pixels} pixels; a column "
                    "of another meaning needs another name."
                )


def _split_name(row: Row, table: Path) -> Split:
    name = row.values.get("split", "")
    for split in SPLITS:
        if name.casefold() == split:
            return split
    raise UserError(
        f"`split` must be one of {', '.join(SPLITS)}, but line {row.line} of {table} has {name!r}."
    )


def _truth(row: Row, table: Path, classes: Classes) -> Mask | None:
    return Mask(_picture(row, "truth", table), classes) if row.values.get("truth") else None
