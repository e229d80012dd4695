"""Order slices by the text at the ``@`` of a pattern, if their numbers are not evenly spaced.

Only the order is used, so it must be unambiguous: ``0.5`` comes after ``0.25``, ``-7`` before
``5``, one in the afternoon after eleven in the morning. All readings of the names are tried; if
they disagree, the reading counts in which each ``@`` is a single number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fibsem.data.volumes.series.names import (
    STAMP,
    Name,
    Number,
    Value,
    are_shortened,
    literals,
    natural_key,
    readings,
)
from fibsem.data.volumes.series.pattern import Pattern
from fibsem.errors import UserError
from fibsem.system.advice import PATTERN

#: Maximum number of names of an order that a message shows.
SHOWN = 4

#: AM or PM of a 12-hour clock.
HALF_DAY = re.compile(r"\d[ _]?([ap])\.?m(?![a-z])")
#: Numbers that may be 1000 or 1, and numbers that begin with their point.
THOUSANDS = re.compile(r"(?<![\d,])\d{1,3}(?:([, '\u2019_])\d{3})(?:\1\d{3})*(?![\d,])")
BARE = re.compile(r"(?<!\d)[.,]\d")
#: A time without a date, and hours between the first and last that may span midnight.
CLOCK, HALF_A_DAY = re.compile(r"([01]\d|2[0-3])[-_.:h][0-5]\d(?:[-_.:m][0-5]\d)?s?"), 12
#: Names of months, and dates with the year at the end.
MONTH = re.compile(r"jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]")
DATE = re.compile(rf"(?<!\d)\d\d?([-_./ ])(?:\d\d?|{MONTH.pattern}\w*)\1(?:19|20)\d\d(?!\d)")
#: Units of length right after a number.
UNIT = re.compile(r"(?<=\d)[ _]?(nm|[uµμ]m|mm|cm|m|px)(?![a-z])")

Span = tuple[int, int]


@dataclass(frozen=True)
class Marked:
    """A name in one reading, with start and stop of the text at each ``@``."""

    name: Name
    spans: tuple[Span, ...]

    @cached_property
    def within(self) -> tuple[Number, ...]:
        """Numbers that lie at an ``@``, entirely or in part."""
        return tuple(n for n in self.name.numbers if any(_meet(n, span) for span in self.spans))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Texts at the ``@`` before, between and after these numbers."""
        text = self.name.text
        mask = [any(a <= k < b for a, b in self.spans) for k in range(len(text))]
        visible = "".join(sign if inside else "\0" for sign, inside in zip(text, mask, strict=True))
        return tuple(piece.strip("\0").casefold() for piece in literals(visible, self.within))

    @property
    def at(self) -> str:
        """All text at the ``@``, joined by null characters."""
        return "\0".join(self.name.text[a:b] for a, b in self.spans)

    @property
    def key(self) -> tuple[tuple[str | Value, ...], tuple[tuple[str | int, ...], str]]:
        """Sort key of the slice."""
        pieces: list[str | Value] = [self.texts[0]]
        for number, text in zip(self.within, self.texts[1:], strict=True):
            pieces += [number.value, text]
        return tuple(pieces), natural_key(self.name.file)

    @property
    def is_cut(self) -> bool:
        """Whether only a part of a number lies at the ``@``, such as of ``0.25`` in ``0.@``."""
        first, last = self.spans[0][0], self.spans[-1][1]
        return any(n.start < first or n.start + len(n.text) > last for n in self.within)

    @property
    def is_number(self) -> bool:
        """Whether each ``@`` is exactly one number."""
        return tuple((n.start, n.start + len(n.text)) for n in self.within) == self.spans


def in_order(names: Sequence[str], pattern: Pattern, where: object) -> list[str]:
    """Sort names of files that match a pattern by the text at its ``@``.

    Raises
    ------
    UserError
        If their numbers can be read in several ways that sort them differently.

    Examples
    --------
    >>> in_order(["z_0.5um", "z_0.25um", "z_0.1um"], Pattern("z_@um"), "film")
    ['z_0.1um', 'z_0.25um', 'z_0.5um']
    """
    plain = [_marked(way, pattern) for way in readings(names, exponents=True)]
    _check_readable(plain[0], pattern, where)
    uniform = [way for way in plain if _is_uniform(way)]
    if not uniform:  # z-1, z0, z1: only names without a hyphen show that it is a minus elsewhere
        signed = (_marked(way, pattern) for way in readings(names, hyphens=True, exponents=True))
        uniform = [way for way in signed if _is_uniform(way)]
    if not uniform:
        return _by_letters(plain[0], pattern, where)
    orders = {_sorted(way): way for way in uniform}
    if len(orders) > 1 and not any(slot.is_cut for way in uniform for slot in way):
        exact = [
            way for way in uniform if all(slot.is_number for slot in way) and not _doubtful(way)
        ]
        orders = {_sorted(way): way for way in exact} or orders
    if len(orders) > 1:
        one, other = (", ".join(order[:SHOWN]) for order in list(orders)[:2])
        raise UserError(
            f"`{PATTERN}` must sort slices in one way, but {pattern.text} may mean {one} and so on "
            f"or {other} and so on in {where}; an @ for the whole of a number, and nothing else, "
            "takes it with its decimals and its sign, @.@ as two numbers."
        )
    (order,) = orders
    return list(order)


def _check_readable(way: Sequence[Marked], pattern: Pattern, where: object) -> None:
    """Raise UserError for texts whose numbers cannot be compared in any reading."""
    texts = [slot.at.casefold() for slot in way]
    halves = {half for text in texts for half in HALF_DAY.findall(text)}
    if len(halves) > 1 and not all(STAMP.search(slot.name.text) for slot in way):
        raise UserError(
            f"`{PATTERN}` can sort slices by a clock of twelve hours where the @ holds its date, "
            f"too, but {pattern.text} has none in {where}; the choices are an @ at what else runs, "
            "or other names."
        )
    for odd, why in ((THOUSANDS, "marks between thousands"), (BARE, "points before decimals")):
        marked = [slot for slot in way if odd.search(slot.at)]
        if marked and len({len(slot.at) for slot in way}) > 1:
            raise UserError(
                f"`{PATTERN}` can sort slices by numbers that read in one way, but {where} has "
                f"{why}, as in {marked[0].name.file}; rename the files."
            )
    clocks = [CLOCK.fullmatch(text) for text in texts]
    hours = [int(clock[1]) for clock in clocks if clock]
    if hours and max(hours) - min(hours) >= HALF_A_DAY:
        raise UserError(
            f"`{PATTERN}` can sort slices by a clock within a day, but the @ of {pattern.text} in "
            f"{where} may go over midnight; an @ that holds the date, too, sorts by both."
        )
    if any(DATE.search(text) for text in texts):
        raise UserError(
            f"`{PATTERN}` can sort slices by dates that begin with the year, but {where} has "
            f"others, as in {way[0].name.file}; the choices are an @ at what else runs, or other "
            "names."
        )
    units = {unit for text in texts for unit in UNIT.findall(text)}
    if len(units) > 1:
        raise UserError(
            f"`{PATTERN}` can sort slices by numbers of one unit, but {where} has "
            f"{' and '.join(sorted(units))}; rename the files."
        )


def _marked(way: Sequence[Name], pattern: Pattern) -> list[Marked]:
    return [Marked(name, pattern.spans(name.file)) for name in way]


def _meet(number: Number, span: Span) -> bool:
    return number.start < span[1] and span[0] < number.start + len(number.text)


def _is_uniform(way: Sequence[Marked]) -> bool:
    """Whether the texts at the ``@`` differ in numbers only."""
    return len({marked.texts for marked in way}) == 1


def _by_letters(way: Sequence[Marked], pattern: Pattern, where: object) -> list[str]:
    """Sort the texts at the ``@`` alphabetically, if all have the same length."""
    texts = {slot.name.file: slot.at.casefold() for slot in way}
    if len(set(map(len, texts.values()))) > 1 or any(map(MONTH.search, texts.values())):
        raise UserError(
            f"`{PATTERN}` must sort slices by numbers, or by letters and numbers of one length, "
            f"but what stands at the @ of {pattern.text} in {where} is as in {way[0].name.file} "
            f"and {way[-1].name.file}; rename the files."
        )
    return sorted(texts, key=lambda name: (texts[name], natural_key(name)))


def _sorted(way: Sequence[Marked]) -> tuple[str, ...]:
    return tuple(marked.name.file for marked in sorted(way, key=lambda marked: marked.key))


def _doubtful(way: Sequence[Marked]) -> bool:
    """Whether a number may be two: in 1.9 and 1.10 the second may be the later, or in 1e10."""
    columns = [*zip(*(slot.within for slot in way), strict=True)]
    if any(re.search(r"[eE]\d", number.text) for column in columns for number in column):
        return True
    return any(
        len({n.decimals for n in column}) > 1 and not are_shortened(column) for column in columns
    )
