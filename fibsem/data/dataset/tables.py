"""Read CSV tables in the encodings and with the separators that spreadsheets use."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fibsem.data.volumes.faults import read_bytes
from fibsem.errors import UserError

#: Encodings by byte order mark; tables without a mark are UTF-8 or Windows-1252.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Row:
    """A line of a table: its line number and its values by column."""

    line: int
    values: dict[str, str]


def read_table(table: Path, columns: Sequence[str], what: str, header_text: str = "") -> list[Row]:
    """Read the rows of a table, skipping empty lines and comments (#).

    Parameters
    ----------
    table
        A CSV file.
    columns
        Required columns, in lower case; further columns are allowed.
    what, header_text
        Names of the table and of its columns in messages; columns are listed by default.

    Raises
    ------
    UserError
        If the file is not text or CSV, a column is missing or occurs twice, or the number of
        values in a line differs from the header.
    """
    text = _text(table, what)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise UserError(
            f"{what} must be CSV, but line {reader.line_num} of {table} is not ({error})."
        ) from error
    full = [(line, cells) for line, cells in lines if any(cells) and not _is_setting(cells)]
    while full and full[0][1][0].startswith("#"):
        full.pop(0)
    header = [cell.casefold() for cell in full[0][1]] if full else []
    missing = [column for column in columns if column not in header]
    twice = sorted({column for column in header if column and header.count(column) > 1})
    if missing or twice:
        wrong = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(twice)} twice"
        must = header_text or ",".join(columns)
        raise UserError(
            f"{what} must have the columns {must}, but {table} {wrong}; "
            f"its header is {','.join(header)[:100]!r}."
        )
    return list(_rows(full[1:], header, table, what))


def _text(table: Path, what: str) -> str:
    """Decode a table: by its byte order mark, else as UTF-8, else as Windows-1252."""
    content = read_bytes(table, f"{what} must be a file")
    mark = next((mark for mark in MARKS if content.startswith(mark)), None)
    try:
        text = content.decode(MARKS[mark] if mark else "utf-8")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        text = _from_windows(content, f"{what} must be UTF-8 text, but line {number} of {table}")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UserError(f"{what} must be text, but line {line} of {table} is not.")
    return text


def _from_windows(content: bytes, wrong: str) -> str:
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError as error:
        raise UserError(f"{wrong} is not; save it as CSV in UTF-8.") from error


def _separator(text: str) -> str:
    """Return the separator that the first line declares, or else its most frequent one."""
    first = next((line for line in text.splitlines() if line.strip(" ,;\t")[:1] not in "#"), "")
    if setting := re.fullmatch(r"sep=(.)\s*", first):
        return setting[1]
    return max(",;\t", key=first.count)


def _is_setting(cells: Sequence[str]) -> bool:
    """Whether a line is ``sep=...``, which tells Excel the separator."""
    return cells[0].startswith("sep=")


def _rows(
    lines: Sequence[tuple[int, Sequence[str]]], header: Sequence[str], table: Path, what: str
) -> Iterator[Row]:
    for line, cells in lines:
        if cells[0].startswith("#") and len(cells) != len(header):
            continue
        if len(cells) < len(header) or any(cells[len(header) :]):
            raise UserError(
                f"every line of {what} must have {len(header)} values, but line {line} of "
                f"{table} has {len(cells)}."
            )
        yield Row(line, dict(zip(header, cells, strict=False)))
