"""Numbers in file names: whole or with decimals, with a sign, or a time stamp as its seconds.

A name alone can be read in several ways: ``z-5`` has a five or a minus five, ``0.10`` a ten or a
tenth. Which is meant shows beside the other names of a folder, so each way is offered.
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

#: Digits with a decimal point or comma that are not part of a version like 1.2.3.
DECIMAL = r"(?<!\d[.,])\d+[.,]\d+(?![.,]?\d)"
#: The power of ten of a number.
EXPONENT = r"(?<=\d)[eE][-+]?\d{1,3}(?!\d)"
#: Any sign, and one that nothing but a number can follow.
MINUS = "\u2212"
SIGN = f"[-+{MINUS}]"
APART = rf"(?:(?<=[\s_=(,;:])|^){SIGN}"
STAMP = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)"  # year, month, day
    r"[-_. T]?(\d\d)[-_.:h]?(\d\d)[-_.:m]?(\d\d)(?!\d)"
    r"(?:[ _]?([AaPp])\.?[Mm](?![a-z]))?"  # a clock of twelve hours
)

Value = int | Fraction
#: Decimal places that a name may have.
LONGEST = 9


@dataclass(frozen=True)
class Number:
    """A number as a name has it, from character ``start`` on."""

    text: str
    value: Value
    start: int
    decimals: int = 0
    is_time: bool = False

    @classmethod
    def read(cls, text: str, start: int) -> Number:
        """Digits with or without a sign and decimals."""
        plain = text.replace(MINUS, "-").replace(",", ".")
        decimals = len(re.split("[eE]", plain)[0].partition(".")[2])
        value = Fraction(plain)
        return cls(text, int(value) if plain.lstrip("-+").isdigit() else value, start, decimals)

    @property
    def unit(self) -> Fraction:
        """What a change of the last digit by one amounts to."""
        return Fraction(1, _ten_to(self.decimals))

    def written(self, value: Value) -> str:
        """Another value in the form of this one, with more decimals where it has them."""
        size = -value if value < 0 else value
        exact = (n for n in range(self.decimals, LONGEST) if size * _ten_to(n) % 1 == 0)
        places = next(exact, self.decimals)
        whole, rest = divmod(round(size * _ten_to(places)), _ten_to(places))
        mark = "," if "," in self.text else "."
        digits = f"{whole}{mark}{rest:0{places}}" if places else str(whole)
        return "-" * (value < 0) + digits.zfill(len(self.text.lstrip("-+" + MINUS)))


@dataclass(frozen=True)
class Name:
    """A file name in one reading.

    Attributes
    ----------
    file
        As the folder has it.
    text
        With composed letters, in which the numbers lie.
    numbers
        From left to right.
    """

    file: str
    text: str
    numbers: tuple[Number, ...]

    @cached_property
    def skeleton(self) -> str:
        """What is left without the numbers; case and spelling of the extension do not count."""
        pieces = "\0".join(literals(self.text, self.numbers)).casefold()
        return re.sub(r"\.tiff$", ".tif", pieces)

    def with_values(self, values: Sequence[Value]) -> str:
        """The name with other numbers in it."""
        written = [number.written(v) for number, v in zip(self.numbers, values, strict=True)]
        pieces = literals(self.text, self.numbers)
        return "".join(a + b for a, b in zip(pieces, [*written, ""], strict=True))


def literals(text: str, numbers: Sequence[Number]) -> list[str]:
    """What stands before, between and behind the numbers of a name."""
    ends = [0, *(number.start + len(number.text) for number in numbers)]
    starts = [*(number.start for number in numbers), len(text)]
    return [text[a:b] for a, b in zip(ends, starts, strict=True)]


def readings(
    names: Sequence[str], *, hyphens: bool = False, exponents: bool = False
) -> Iterator[list[Name]]:
    """Every way in which the numbers of some names can be read.

    With ``hyphens`` each hyphen before a digit is a minus; else only one that stands apart may be.
    With ``exponents`` numbers like 1.5e-05, which programs write, may be one.
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
    """Whether numbers are decimals without zeros at their end, as 0.5 and 0.25.

    Read as whole numbers, what stands behind their points would be in another order. Of 1.8, 1.9,
    1.11 it runs by itself, and of 1.9, 1.10 a zero says that it does.
    """
    if len({number.decimals for number in numbers}) == 1:
        return False
    plain = [re.split("[eE]", number.text.replace(",", "."))[0] for number in numbers]
    behind = {text.partition(".")[2] for text in plain} - {""}
    counts = {int(digits) for digits in behind if digits.isdecimal()}
    runs = len(counts) > 2 and 2 * len(counts) >= max(counts) - min(counts) + 1
    return not runs and not any(len(text) > 1 and text.endswith("0") for text in behind)


def composed(name: str) -> str:
    """The name with composed letters: some systems store an umlaut as two characters."""
    return unicodedata.normalize("NFC", name)


def _numbers(text: str, number: re.Pattern[str], *, stamps: bool) -> Iterator[Number]:
    """Number by number of a text, time stamps as one."""
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
    """Seconds of a time stamp, None if there is no such time."""
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
    """Sort key in which numbers count as numbers.

    Examples
    --------
    >>> sorted(["s10.tif", "s2.tif"], key=natural_key)
    ['s2.tif', 's10.tif']
    """
    # The name itself decides between s1 and s01.
    pieces = re.split(r"(\d+)", name.casefold())
    return tuple(int(piece) if k % 2 else piece for k, piece in enumerate(pieces)), name
