"""Overrides as people type them: what is meant as a text arrives as it was written.

Hydra reads ``output=2024_01_15`` as a number, and stumbles over commas, parentheses and umlauts. So
a text is quoted before Hydra sees it, where Hydra would read anything else. Which keys are texts
says :mod:`fibsem.config.keys`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from fibsem.config.keys import text_keys
from fibsem.errors import UserError
from fibsem.system.addresses import hidden

#: What Hydra calls none.
NONE = "null"
#: Between two commas: a text in quotes, or one with brackets that may hold commas.
PART = re.compile(
    r"""\s*(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')\s*(?=,|$)"""
    r"""|(?:\([^()]*\)|\[[^\[\]]*\]|[^,])+"""
)


def for_hydra(arguments: Iterable[str]) -> list[str]:
    """Arguments of a command with every text in them quoted that Hydra would not read as written.

    Raises
    ------
    UserError
        If an argument is not UTF-8: no file that we write could hold it.
    """
    arguments = list(arguments)
    many = is_multirun(arguments)
    return [_for_hydra(argument, many) for argument in map(_utf8, arguments)]


def is_multirun(arguments: Iterable[str]) -> bool:
    """Whether a command is one for each of several values."""
    return not {"-m", "--multirun"}.isdisjoint(arguments)


def _utf8(argument: str) -> str:
    try:
        argument.encode()
    except UnicodeEncodeError:
        shown = without_password(argument).encode(errors="backslashreplace").decode()
        encoding = sys.getfilesystemencoding()
        if encoding != "utf-8":
            raise UserError(
                f"names and paths are read as {encoding}, which LC_ALL, LANG or PYTHONUTF8 say, "
                f"but got {shown}; the choices are LC_ALL=C.UTF-8 and PYTHONUTF8=1."
            ) from None
        raise UserError(f"names and paths must be UTF-8, but got {shown}.") from None
    return argument


def _for_hydra(argument: str, many: bool) -> str:
    key, equals, value = argument.partition("=")
    if not equals or argument.startswith("-") or value == NONE:
        return argument
    # what Hydra cannot read is refused by whoever wants something else than a text
    if key.lstrip("+") not in text_keys() and (parsed := _parsed(value)) is not None:
        if not many and parsed.is_sweep_override():
            raise UserError(
                f"`{key.lstrip('+')}` must be one value, but got {value}; a number has a decimal "
                f"point, 0.5, and a list is in brackets, [{value}]."
            )
        return argument
    if many and "," in value:
        return f"{key}={_choices(value)}"
    return f"{key}={_list(value) if value[:1] == '[' and value[-1:] == ']' else _text(value)}"


def _choices(value: str) -> str:
    """The values of a ``--multirun``, or a function of Hydra's that gives them."""
    if re.match(r"(choice|shuffle|sort|glob|range|interval)\(", value):
        return value
    parts = _parts(value)
    return ",".join(
        _list(one) if one[:1] == "[" and one[-1:] == "]" else _text(one) for one in parts
    )


def _list(value: str) -> str:
    return f"[{','.join(_text(part) for part in _parts(value[1:-1]))}]"


def _parts(value: str) -> list[str]:
    """What lies between commas, but not between quotes or within brackets.

    >>> _parts("a,'b,c', d (1, 2), it's")
    ['a', "'b,c'", 'd (1, 2)', "it's"]
    """
    return [part[0].strip() for part in PART.finditer(value)]


def _text(value: str) -> str:
    """One text for Hydra: as it is where Hydra reads it so, or between quotes already."""
    from hydra.core.override_parser.types import Quote, QuotedString

    if value == _read(value) or (value[:1] in ("'", '"') and _read(value) is not None):
        return value
    return QuotedString(value, Quote.double).with_quotes()


def _read(value: str) -> str | None:
    """The text that Hydra reads, or None: it reads something else, or cannot."""
    parsed = _parsed(value)
    read = None if parsed is None else parsed.value()
    return read if isinstance(read, str) else None


def _parsed(value: str) -> Any:
    """What Hydra makes of the value of an override; None where it cannot read it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(f"key={value}")
    except HydraException:
        return None


def typed(override: str) -> tuple[str, str]:
    """Key and value of an override as people type it: without the quotes that only Hydra needs.

    >>> typed('output="2024_01_15"'), typed("nbhd=33x33x3"), typed("~space.axes.model")
    (('output', '2024_01_15'), ('nbhd', '33x33x3'), ('~space.axes.model', ''))
    """
    key, _, value = override.partition("=")
    if key.lstrip("+") in text_keys() and value[:1] in ("'", '"'):
        text = _read(value)
        if text is not None and _for_hydra(f"{key}={text}", many=False) == override:
            return key, text
    return key, value


def without_password(override: str) -> str:
    """An override as people type it, but for the password of an address.

    >>> without_password('search.storage="postgresql://me:p(1)@host/runs"')
    'search.storage=postgresql://me:***@host/runs'
    """
    key, value = typed(override)
    if "=" not in override:
        return override
    address = meant(override)
    return f"{key}={value if hidden(address) == address else hidden(address)}"


def meant(override: str) -> str:
    """The text that an override gives, without quotes.

    >>> meant('search.storage="postgresql://me:p(1)@host/runs"')
    'postgresql://me:p(1)@host/runs'
    """
    value = override.partition("=")[2]
    return (value[:1] in ("'", '"') and _read(value)) or value


def as_typed(key: str, text: str) -> str:
    """The override that gives a key this very text.

    Examples
    --------
    >>> as_typed("output", "2024_01_15"), as_typed("output", "null")
    ('output=2024_01_15', 'output="null"')
    """
    if "${" not in text and text[:1] not in ("'", '"', "[") and text != NONE:
        return f"{key}={text}"
    return f"{key}={_quoted(text)}"


def _quoted(text: str) -> str:
    """A text in quotes that neither Hydra nor OmegaConf reads as anything else."""
    from hydra.core.override_parser.types import Quote, QuotedString

    plain = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)  # OmegaConf would look it up
    return QuotedString(plain, Quote.double).with_quotes()


def override(key: str, value: object) -> str:
    """The override that gives a key a value of Python's.

    Examples
    --------
    >>> override("train.steps", 200), override("test", True), override("output", PurePath("a b"))
    ('train.steps=200', 'test=true', 'output=a b')
    >>> override("study", ["A", "b, c"]), override("range", None)
    ('study=["A","b, c"]', 'range=null')

    Raises
    ------
    UserError
        If YAML has no such value.
    """
    if isinstance(value, str | PurePath):
        return as_typed(key, str(value))
    return f"{key}={_written(value, key)}"


def _written(value: Any, key: str) -> str:
    """A value in the grammar of overrides; NumPy's numbers are numbers, and its rows are lists."""
    if value is None:
        return NONE
    if isinstance(value, str | PurePath):
        return _quoted(str(value))
    axes = getattr(value, "ndim", 0)
    if isinstance(value, list | tuple) or axes == 1:
        return f"[{','.join(_written(item, key) for item in value)}]"
    plain = value.item() if hasattr(value, "item") and not axes else value
    if isinstance(plain, bool):
        return str(plain).lower()
    if isinstance(plain, int | float):
        return repr(plain)
    raise UserError(
        f"`{key}` must be a text, a number, true or false, none or a list of these, but got "
        f"{type(value).__name__}."
    )
