"""The order of slices by what stands at the ``@`` of a pattern, where their numbers are not even.

Nothing but the order is taken from it, so that it has to be beyond doubt: ``0.5`` comes behind
``0.25``, ``-7`` before ``5``, one in the afternoon behind eleven in the morning. Names are read in
every way, and where the ways disagree that one counts in which each ``@`` is a number by itself.
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

#: Names that a message shows of an order.
SHOWN = 4

#: Of a clock of twelve hours.
HALF_DAY = re.compile(r"\d[ _]?([ap])\.?m(?![a-z])")
#: What is 1000 or 1, and what begins with its point.
THOUSANDS = re.compile(r"(?<![\d,])\d{1,3}(?:([, '\u2019_])\d{3})(?:\1\d{3})*(?![\d,])")
BARE = re.compile(r"(?<!\d)[.,]\d")
#: A clock without a date, and hours from which it may have gone over midnight.
CLOCK, HALF_A_DAY = re.compile(r"([01]\d|2[0-3])[-_.:h][0-5]\d(?:[-_.:m][0-5]\d)?s?"), 12
#: A date with its year at the end, and one with letters.
MONTH = re.compile(r"jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]")
DATE = re.compile(rf"(?<!\d)\d\d?([-_./ ])(?:\d\d?|{MONTH.pattern}\w*)\1(?:19|20)\d\d(?!\d)")
#: Of lengths, right behind a number.
UNIT = re.compile(r"(?<=\d)[ _]?(nm|[uµμ]m|mm|cm|m|px)(?![a-z])")

Span = tuple[int, int]


@dataclass(frozen=True)
class Marked:
    """A name in one reading, and what of it stands at each ``@``: from where to where."""

    name: Name
    spans: tuple[Span, ...]

    @cached_property
    def within(self) -> tuple[Number, ...]:
        """Numbers of which some part stands at an ``@``."""
        return tuple(n for n in self.name.numbers if any(_meet(n, span) for span in self.spans))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """What stands around these numbers at the ``@``."""
        text = self.name.text
        mask = [any(a <= k < b for a, b in self.spans) for k in range(len(text))]
        kept = "".join(sign if inside else "\0" for sign, inside in zip(text, mask, strict=True))
        return tuple(piece.strip("\0").casefold() for piece in literals(kept, self.within))

    @property
    def at(self) -> str:
        """All that stands at an ``@``."""
        return "\0".join(self.name.text[a:b] for a, b in self.spans)

    @property
    def key(self) -> tuple[tuple[str | Value, ...], tuple[tuple[str | int, ...], str]]:
        """What the slice is sorted by."""
        pieces: list[str | Value] = [self.texts[0]]
        for number, text in zip(self.within, self.texts[1:], strict=True):
            pieces += [number.value, text]
        return tuple(pieces), natural_key(self.name.file)

    @property
    def is_cut(self) -> bool:
        """Whether a number stands at the ``@`` in part, as that of ``0.25`` in ``0.@``."""
        first, last = self.spans[0][0], self.spans[-1][1]
        return any(n.start < first or n.start + len(n.text) > last for n in self.within)

    @property
    def is_number(self) -> bool:
        """Whether each ``@`` is one number, and nothing else."""
        return tuple((n.start, n.start + len(n.text)) for n in self.within) == self.spans


def in_order(names: Sequence[str], pattern: Pattern, where: object) -> list[str]:
    """Sort names of files that fit a pattern by what stands at its ``@``.

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
    alike = [way for way in plain if _is_alike(way)]
    if not alike:  # z-1, z0, z1: that a hyphen is a minus shows beside names without one
        signed = (_marked(way, pattern) for way in readings(names, hyphens=True, exponents=True))
        alike = [way for way in signed if _is_alike(way)]
    if not alike:
        return _by_letters(plain[0], pattern, where)
    orders = {_sorted(way): way for way in alike}
    if len(orders) > 1 and not any(one.is_cut for way in alike for one in way):
        exact = [way for way in alike if all(one.is_number for one in way) and not _doubtful(way)]
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
    """Refuse what no reading makes numbers of that can be compared."""
    texts = [one.at.casefold() for one in way]
    halves = {half for text in texts for half in HALF_DAY.findall(text)}
    if len(halves) > 1 and not all(STAMP.search(one.name.text) for one in way):
        raise UserError(
            f"`{PATTERN}` can sort slices by a clock of twelve hours where the @ holds its date, "
            f"too, but {pattern.text} has none in {where}; the choices are an @ at what else runs, "
            "or other names."
        )
    for odd, why in ((THOUSANDS, "marks between thousands"), (BARE, "points before decimals")):
        marked = [one for one in way if odd.search(one.at)]
        if marked and len({len(one.at) for one in way}) > 1:
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


def _is_alike(way: Sequence[Marked]) -> bool:
    """Whether nothing but numbers differs at the ``@``."""
    return len({one.texts for one in way}) == 1


def _by_letters(way: Sequence[Marked], pattern: Pattern, where: object) -> list[str]:
    """Sort what stands at the ``@`` letter by letter, where it is as long everywhere."""
    texts = {one.name.file: one.at.casefold() for one in way}
    if len(set(map(len, texts.values()))) > 1 or any(map(MONTH.search, texts.values())):
        raise UserError(
            f"`{PATTERN}` must sort slices by numbers, or by letters and numbers of one length, "
            f"but what stands at the @ of {pattern.text} in {where} is as in {way[0].name.file} "
            f"and {way[-1].name.file}; rename the files."
        )
    return sorted(texts, key=lambda name: (texts[name], natural_key(name)))


def _sorted(way: Sequence[Marked]) -> tuple[str, ...]:
    return tuple(one.name.file for one in sorted(way, key=lambda one: one.key))


def _doubtful(way: Sequence[Marked]) -> bool:
    """Whether a number may be two: of 1.9 and 1.10 the second may be the later, and of 1e10."""
    columns = [*zip(*(one.within for one in way), strict=True)]
    if any(re.search(r"[eE]\d", number.text) for column in columns for number in column):
        return True
    return any(len({n.decimals for n in one}) > 1 and not are_shortened(one) for one in columns)
