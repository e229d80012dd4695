"""Numbers in file names: integers or decimals, with a sign, or time stamps as seconds.

A name alone can be read in several ways: ``z-5`` has a five or a minus five, ``0.10`` a ten or a
tenth. Only the other names of the folder tell which, so every reading is offered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from itertools import product

#: Digits with a decimal point or comma that are not part of a version such as 1.2.3.
DECIMAL = r"(?<!\d[.,])\d+[.,]\d+(?![.,]?\d)"
#: Exponent of a number in scientific notation.
EXPONENT = r"(?<=\d)[eE][-+]?\d{1,3}(?!\d)"
#: Any sign, and a sign that can only belong to a number.
MINUS = "\u2212"
SIGN = f"[-+{MINUS}]"
APART = rf"(?:(?<=[\s_=(,;:])|^){SIGN}"
STAMP = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)"  # year, month, day
    r"[-_. T]?(\d\d)[-_.:h]?(\d\d)[-_.:m]?(\d\d)(?!\d)"
    r"(?:[ _]?([AaPp])\.?[Mm](?![a-z]))?"  # 12-hour clock
)

Value = int | Fraction
#: Maximum number of decimal places in a name.
LONGEST = 9


@dataclass(frozen=True)
class Number:
    """A number as written in a name, starting at character ``start``."""

    text: str
    value: Value
    start: int
    decimals: int = 0
    is_time: bool = False

    @classmethod
    def read(cls, text: str, start: int) -> Number:
        """Parse digits with an optional sign and decimals."""
        plain = text.replace(MINUS, "-").replace(",", ".")
        decimals = len(re.split("[eE]", plain)[0].partition(".")[2])
        value = Fraction(plain)
        return cls(text, int(value) if plain.lstrip("-+").isdigit() else value, start, decimals)

    @property
    def unit(self) -> Fraction:
        """Change of the value if the last digit changes by one."""
        return Fraction(1, _ten_to(self.decimals))

    def written(self, value: Value) -> str:
        """Format another value like this number, with more decimals if it needs them."""
        size = -value if value < 0 else value
        exact = (n for n in range(self.decimals, LONGEST) if size * _ten_to(n) % 1 == 0)
        places = next(exact, self.decimals)
        integer, rest = divmod(round(size * _ten_to(places)), _ten_to(places))
        mark = "," if "," in self.text else "."
        digits = f"{integer}{mark}{rest:0{places}}" if places else str(integer)
        return "-" * (value < 0) + digits.zfill(len(self.text.lstrip("-+" + MINUS)))


@dataclass(frozen=True)
class Name:
    """A file name in one reading.

    Attributes
    ----------
    file
        The name in the folder.
    text
        The name in Unicode normal form C, to which the positions of numbers refer.
    numbers
        Its numbers from left to right.
    """

    file: str
    text: str
    numbers: tuple[Number, ...]

    @cached_property
    def skeleton(self) -> str:
        """The name without its numbers, ignoring case and the spelling of the extension."""
        pieces = "\0".join(literals(self.text, self.numbers)).casefold()
        return re.sub(r"\.tiff$", ".tif", pieces)

    def with_values(self, values: Sequence[Value]) -> str:
        """Return the name with other values of its numbers."""
        written = [number.written(v) for number, v in zip(self.numbers, values, strict=True)]
        pieces = literals(self.text, self.numbers)
        return "".join(a + b for a, b in zip(pieces, [*written, ""], strict=True))


def literals(text: str, numbers: Sequence[Number]) -> list[str]:
    """Return the texts before, between and after the numbers of a name."""
    ends = [0, *(number.start + len(number.text) for number in numbers)]
    starts = [*(number.start for number in numbers), len(text)]
    return [text[a:b] for a, b in zip(ends, starts, strict=True)]


def readings(
    names: Sequence[str], *, hyphens: bool = False, exponents: bool = False
) -> Iterator[list[Name]]:
    """Yield every reading of the numbers in some names.

    If ``hyphens`` is true, each hyphen before a digit is a minus; else only one that stands apart
    may be. If ``exponents`` is true, numbers such as 1.5e-05 may be read as one.
    """
    texts = [composed(name) for name in names]

    def whether(mark: str | re.Pattern[str]) -> tuple[bool, ...]:
        return (False, True) if any(re.search(mark, text) for text in texts) else (False,)

    signs = [SIGN] if hyphens else ["", APART][: len(whether(APART + r"\d"))]
    scientific = whether(EXPONENT) if exponents else (False,)
    ways = product(whether(STAMP), whether(DECIMAL), signs, scientific)
    for stamps, decimals, sign, exponent in ways:
        optional = f"(?:{sign})?" if sign else ""
        digits = rf"(?:{DECIMAL}|\d+)" if decimals else r"\d+"
        number = re.compile(optional + digits + (f"(?:{EXPONENT})?" if exponent else ""))
        yield [
            Name(name, text, tuple(_numbers(text, number, stamps=stamps)))
            for name, text in zip(names, texts, strict=True)
        ]


def are_shortened(numbers: Sequence[Number]) -> bool:
    """Whether numbers are decimals without trailing zeros, such as 0.5 and 0.25.

    Read as integers, their digits after the point would have another order. Numbers such as 1.8,
    1.9, 1.11 are not: the part after the point runs by itself. In 1.9, 1.10 the zero shows it.
    """
    if len({number.decimals for number in numbers}) == 1:
        return False
    plain = [re.split("[eE]", number.text.replace(",", "."))[0] for number in numbers]
    behind = {text.partition(".")[2] for text in plain} - {""}
    counts = {int(digits) for digits in behind if digits.isdecimal()}
    runs = len(counts) > 2 and 2 * len(counts) >= max(counts) - min(counts) + 1
    return not runs and not any(len(text) > 1 and text.endswith("0") for text in behind)


def composed(name: str) -> str:
    """Return a name in Unicode normal form C; some systems store an umlaut as two characters."""
    return unicodedata.normalize("NFC", name)


def _numbers(text: str, number: re.Pattern[str], *, stamps: bool) -> Iterator[Number]:
    """Yield the numbers of a text, each time stamp as one."""
    start = 0
    for stamp in STAMP.finditer(text) if stamps else ():
        if (seconds := _seconds(stamp)) is not None:
            yield from _plain(text, number, start, stamp.start())
            yield Number(stamp[0], seconds, stamp.start(), is_time=True)
            start = stamp.end()
    yield from _plain(text, number, start, len(text))


def _plain(text: str, number: re.Pattern[str], start: int, stop: int) -> Iterator[Number]:
    for match in number.finditer(text, start, stop):
        yield Number.read(match[0], match.start())


def _seconds(stamp: re.Match[str]) -> int | None:
    """Return the seconds of a time stamp, or None if there is no such time."""
    year, month, day, hour, minute, second = map(int, stamp.groups()[:6])
    if stamp[7]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if stamp[7] in "Pp" else 0)
    try:
        time = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return (time - datetime.min) // timedelta(seconds=1)


def _ten_to(places: int) -> int:
    return int(10**places)


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a sort key that compares numbers by value.

    Examples
    --------
    >>> sorted(["s10.tif", "s2.tif"], key=natural_key)
    ['s2.tif', 's10.tif']
    """
    # The name itself distinguishes s1 from s01.
    pieces = re.split(r"(\d+)", name.casefold())
    return tuple(int(piece) if k % 2 else piece for k, piece in enumerate(pieces)), name
