"""Quote string values in overrides, so that Hydra reads them as the user typed them.

Hydra reads ``output=2024_01_15`` as a number, and fails at commas, parentheses and umlauts. So a
string is quoted before Hydra parses it, if Hydra would read anything else. The keys with string
values are listed by :mod:`fibsem.config.keys`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from fibsem.config.keys import is_group, text_keys
from fibsem.errors import UserError
from fibsem.system.addresses import hidden

#: Hydra's None.
NONE = "null"
#: An item between two commas: a quoted string, or text with brackets that may contain commas.
PART = re.compile(
    r"""\s*(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')\s*(?=,|$)"""
    r"""|(?:\([^()]*\)|\[[^\[\]]*\]|[^,])+"""
)


def for_hydra(arguments: Iterable[str]) -> list[str]:
    """Quote the string values in a command's arguments that Hydra would not read as written.

    Raises
    ------
    UserError
        If an argument is not UTF-8 and could not be written to a file, or if it gives several
        values for one key without ``--multirun``.
    """
    arguments = list(arguments)
    many = is_multirun(arguments)
    return [_for_hydra(argument, many) for argument in map(_utf8, arguments)]


def is_multirun(arguments: Iterable[str]) -> bool:
    """Return whether a command runs several jobs, one for each of several values."""
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
    group = is_group(key.lstrip("+"))
    if not equals or argument.startswith("-") or (value == NONE and not group):
        return argument
    # a value that Hydra cannot parse is quoted, and refused later if a string is not allowed
    if key.lstrip("+") not in text_keys() and (parsed := _parsed(value)) is not None:
        if not many and parsed.is_sweep_override():
            raise UserError(
                f"`{key.lstrip('+')}` must be one value, but got {value}; a number has a decimal "
                f"point, 0.5, and a list is in brackets, [{value}]."
            )
        if group:
            _check_group(key.lstrip("+"), parsed)
        return argument
    if many and "," in value:
        return f"{key}={_choices(value)}"
    return f"{key}={_list(value) if value[:1] == '[' and value[-1:] == ']' else _text(value)}"


def _check_group(key: str, parsed: Any) -> None:
    """Refuse values of a group that are neither the name of a file nor a dictionary of keys."""
    from hydra.core.override_parser.types import ValueType

    # the files of a glob are listed by Hydra
    several = parsed.is_discrete_sweep() and parsed.value_type != ValueType.GLOB_CHOICE_SWEEP
    for value in parsed.sweep_iterator() if several else [parsed.value()]:
        if value is None or isinstance(value, int | float):
            raise UserError(
                "a group of options must name a file of conf/ or be a dictionary of keys, but got "
                f"{key}={_written(value, key)}."
            )


def _choices(value: str) -> str:
    """Return the quoted values of a ``--multirun``; a Hydra function such as ``range`` is kept."""
    if re.match(r"(choice|shuffle|sort|glob|range|interval)\(", value):
        return value
    parts = _parts(value)
    return ",".join(
        _list(element) if element[:1] == "[" and element[-1:] == "]" else _text(element)
        for element in parts
    )


def _list(value: str) -> str:
    return f"[{','.join(_text(element) for element in _parts(value[1:-1]))}]"


def _parts(value: str) -> list[str]:
    """Split a text at commas, except within quotes or brackets.

    >>> _parts("a,'b,c', d (1, 2), it's")
    ['a', "'b,c'", 'd (1, 2)', "it's"]
    """
    return [match[0].strip() for match in PART.finditer(value)]


def _text(value: str) -> str:
    """Quote a string for Hydra, unless Hydra reads it unchanged or it is already quoted."""
    from hydra.core.override_parser.types import Quote, QuotedString

    if value == _read(value) or (value[:1] in ("'", '"') and _read(value) is not None):
        return value
    return QuotedString(value, Quote.double).with_quotes()


def _read(value: str) -> str | None:
    """Return the string that Hydra reads, or None if it reads another type or fails."""
    parsed = _parsed(value)
    read = None if parsed is None else parsed.value()
    return read if isinstance(read, str) else None


def _parsed(value: str) -> Any:
    """Parse the value of an override with Hydra; None if it cannot be parsed."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(f"key={value}")
    except HydraException:
        return None


def typed(override: str) -> tuple[str, str]:
    """Split an override into key and value as users type them, without quotes added for Hydra.

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
    """Return an override as users type it, with the password of an address hidden.

    >>> without_password('search.storage="postgresql://me:p(1)@host/runs"')
    'search.storage=postgresql://me:***@host/runs'
    """
    key, value = typed(override)
    if "=" not in override:
        return override
    address = meant(override)
    return f"{key}={value if hidden(address) == address else hidden(address)}"


def meant(override: str) -> str:
    """Return the string value of an override, without quotes.

    >>> meant('search.storage="postgresql://me:p(1)@host/runs"')
    'postgresql://me:p(1)@host/runs'
    """
    value = override.partition("=")[2]
    return (value[:1] in ("'", '"') and _read(value)) or value


def as_typed(key: str, text: str) -> str:
    """Return the override that sets a key to exactly this string.

    Examples
    --------
    >>> as_typed("output", "2024_01_15"), as_typed("output", "null")
    ('output=2024_01_15', 'output="null"')
    """
    if "${" not in text and text[:1] not in ("'", '"', "[") and text != NONE:
        return f"{key}={text}"
    return f"{key}={_quoted(text)}"


def _quoted(text: str) -> str:
    """Quote a string so that neither Hydra nor OmegaConf interprets it."""
    from hydra.core.override_parser.types import Quote, QuotedString

    plain = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)  # OmegaConf would interpolate it
    return QuotedString(plain, Quote.double).with_quotes()


def override(key: str, value: object) -> str:
    """Return the override that sets a key to a Python value.

    Examples
    --------
    >>> override("train.steps", 200), override("test", True), override("output", PurePath("a b"))
    ('train.steps=200', 'test=true', 'output=a b')
    >>> override("study", ["A", "b, c"]), override("range", None)
    ('study=["A","b, c"]', 'range=null')
    >>> override("search.constraints", {"cost/seconds_per_gigapixel": 2000})
    'search.constraints={cost/seconds_per_gigapixel: 2000}'

    Raises
    ------
    UserError
        If YAML cannot represent the value.
    """
    if isinstance(value, str | PurePath):
        return as_typed(key, str(value))
    return f"{key}={_written(value, key)}"


def _written(value: Any, key: str) -> str:
    """Write a value in Hydra's override grammar; NumPy scalars and 1-D arrays are accepted."""
    if value is None:
        return NONE
    if isinstance(value, str | PurePath):
        return _quoted(str(value))
    axes = getattr(value, "ndim", 0)
    if isinstance(value, list | tuple) or axes == 1:
        return f"[{','.join(_written(item, key) for item in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_written(item, key)}' for name, item in value.items())}}}"
    plain = value.item() if hasattr(value, "item") and not axes else value
    if isinstance(plain, bool):
        return str(plain).lower()
    if isinstance(plain, int | float):
        return repr(plain)
    raise UserError(
        f"`{key}` must be a text, a number, true or false, none or a list of these, but got "
        f"{type(value).__name__}."
    )
