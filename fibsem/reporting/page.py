"""Tables and figures as one self-contained HTML page, without scripts, fonts or other files.

The page is well-formed XML as well, so that it can be validated. All contents are escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import count
from pathlib import Path

import pandas as pd

from fibsem.analysis.encoding import ILLEGAL, is_number

#: CSS pixels per pixel of a figure, which is drawn at 150 dpi.
CSS_PX = 96 / 150
#: Columns whose cells have at most this many characters are not wrapped.
SHORT = 28
STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Table:
    """A table with its caption; ``name`` is the stem of its files."""

    name: str
    title: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Picture:
    """A figure as PNG with its caption; ``name`` is the stem of its files.

    ``svg`` is the vector version for print, or None.
    """

    name: str
    title: str
    png: bytes
    svg: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, from the header of the PNG."""
        return int.from_bytes(self.png[16:20]), int.from_bytes(self.png[20:24])


@dataclass(frozen=True)
class Section:
    """A section: paragraphs, the command that made it, tables and figures, and subsections.

    ``link`` is the text of a link to a file beside the page, and the name of the file.
    """

    title: str
    text: tuple[str, ...] = ()
    command: str = ""
    items: tuple[Table | Picture, ...] = ()
    parts: tuple[Section, ...] = ()
    link: tuple[str, str] | None = None


def page(title: str, facts: Mapping[str, str], sections: Iterable[Section], footer: str) -> str:
    """Return the HTML of a page.

    Parameters
    ----------
    title
        Title of the page.
    facts
        Key facts at the top, by name.
    sections
        Sections in order; tables and figures are numbered consecutively.
    footer
        Last line of the page.
    """
    numbers = (count(1), count(1))
    sections = list(sections)
    body = [
        f"<h1>{text_of(title)}</h1>",
        _facts(facts),
        _contents(sections),
        *(_section(section, (k,), numbers) for k, section in enumerate(sections, start=1)),
        f"<footer>{text_of(footer)}</footer>",
    ]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en" xmlns="http://www.w3.org/1999/xhtml">',
            "<head>",
            '<meta charset="utf-8" />',
            '<meta name="viewport" content="width=device-width, initial-scale=1" />',
            # browsers then refuse to load anything from elsewhere
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\" />",
            f"<title>{text_of(title)}</title>",
            f"<style>\n{STYLE}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def text_of(value: object) -> str:
    """Escape a value for HTML, and replace illegal characters."""
    return escape(ILLEGAL.sub("\ufffd", str(value)))


def _facts(facts: Mapping[str, str]) -> str:
    rows = [f"<dt>{text_of(name)}</dt>\n<dd>{text_of(value)}</dd>" for name, value in facts.items()]
    return "\n".join(["<dl>", *rows, "</dl>"]) if rows else ""


def _contents(sections: Iterable[Section]) -> str:
    """Return the table of contents, two levels deep."""
    lines = ["<nav>", "<h2>Contents</h2>", "<ol>"]
    for k, section in enumerate(sections, start=1):
        lines.append(f"<li>{_link(section, (k,))}")
        if section.parts:
            parts = (
                _link(subsection, (k, i)) for i, subsection in enumerate(section.parts, start=1)
            )
            lines += ["<ol>", *(f"<li>{link}</li>" for link in parts), "</ol>"]
        lines.append("</li>")
    return "\n".join([*lines, "</ol>", "</nav>"])


def _link(section: Section, numbers: tuple[int, ...]) -> str:
    return f'<a href="#{_anchor(numbers)}">{_number(numbers)} {text_of(section.title)}</a>'


def _number(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _anchor(numbers: tuple[int, ...]) -> str:
    return f"section-{_number(numbers)}"


def _section(
    section: Section, numbering: tuple[int, ...], numbers: tuple[Iterator[int], Iterator[int]]
) -> str:
    """Return a section with its subsections; ``numbers`` count tables and figures."""
    level = min(6, 1 + len(numbering))
    lines = [
        f'<section id="{_anchor(numbering)}">',
        f"<h{level}>{_number(numbering)} {text_of(section.title)}</h{level}>",
        *(f"<p>{text_of(sentence)}</p>" for sentence in section.text),
    ]
    if section.link:
        sentence, file = section.link
        lines.append(f'<p><a href="{text_of(file)}">{text_of(sentence)}</a></p>')
    if section.command:
        lines.append(f"<pre>{text_of(section.command)}</pre>")
    for item in section.items:
        if isinstance(item, Table):
            lines.append(_table(item, next(numbers[0])))
        else:
            lines.append(_picture(item, next(numbers[1])))
    for k, subsection in enumerate(section.parts, start=1):
        lines.append(_section(subsection, (*numbering, k), numbers))
    return "\n".join([*lines, "</section>"])


def _table(table: Table, number: int) -> str:
    """Return a table in a box that scrolls horizontally."""
    cells = table.frame.astype(object).where(table.frame.notna(), "")
    rows = [[str(value) for value in row] for row in cells.itertuples(index=False, name=None)]
    kinds = [_kind([row[k] for row in rows]) for k in range(cells.shape[1])]
    head = _cells("th", map(str, cells.columns), kinds)
    body = [_cells("td", row, kinds) for row in rows]
    caption = f"<figcaption><b>Table {number}.</b> {text_of(table.title)}</figcaption>"
    start = ["<figure>", caption, '<div class="wide">', "<table>", "<thead>", head, "</thead>"]
    return "\n".join([*start, "<tbody>", *body, "</tbody>", "</table>", "</div>", "</figure>"])


def _kind(column: Iterable[str]) -> str:
    """Return the CSS class of a column: numbers are right-aligned, short texts not wrapped."""
    texts = tuple(column)
    if is_number(texts):
        return ' class="number"'
    return ' class="short"' if all(len(text) <= SHORT for text in texts) else ""


def _cells(tag: str, row: Iterable[str], kinds: Iterable[str]) -> str:
    cells = (
        f"<{tag}{kind}>{text_of(value)}</{tag}>" for kind, value in zip(kinds, row, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _picture(picture: Picture, number: int) -> str:
    """Return a figure with its PNG embedded."""
    width, height = (round(CSS_PX * side) for side in picture.size)
    data = base64.b64encode(picture.png).decode()
    title = text_of(picture.title)
    return (
        f'<figure>\n<img src="data:image/png;base64,{data}" alt="{title}" width="{width}" '
        f'height="{height}" />\n<figcaption><b>Figure {number}.</b> {title}</figcaption>\n</figure>'
    )
