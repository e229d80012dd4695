"""Convert plain trees to frozen values; names and types are checked, with one-line errors."""

from __future__ import annotations

import functools
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from fibsem.errors import UserError
from fibsem.system.addresses import hidden, is_address, names_no_file
from fibsem.system.home import home_path

#: A configuration as nested dicts of YAML values.
Tree = dict[str, Any]
T = TypeVar("T")


def read(cls: type[T], tree: Mapping[str, Any], where: str = "") -> T:
    """Create a dataclass from a mapping, checking names and types.

    ``where`` is the key of the mapping in the tree, for messages; empty for the tree itself.
    Raises ``UserError`` for an unknown or missing key, or a value of another type.

    Examples
    --------
    >>> from fibsem.config.runs import EvaluateConfig
    >>> read(EvaluateConfig, {"patch_limit": 5}, "evaluate").patch_limit
    5
    """
    assert is_dataclass(cls)
    hints = _types(cls)
    named = {field.name: field for field in fields(cls)}
    for key in tree:
        if key not in named:
            owner = f"`{where}`" if where else "the command"
            raise UserError(f"{owner} has no key {key!r}; it has: {', '.join(sorted(named))}.")
    values = {}
    for key, field in named.items():
        if key in tree:
            values[key] = _value(hints[key], tree[key], _under(where, key))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise UserError(f"`{_under(where, key)}` must be given, but is missing.")
    return typing.cast(T, cls(**values))


@functools.cache
def _types(cls: type) -> Mapping[str, Any]:
    """Return the types of a dataclass's fields; resolving them takes longer than reading values."""
    return typing.get_type_hints(cls)


def _under(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def check_type(cls: type, key: str, value: Any, where: str) -> None:
    """Raise ``UserError`` if a dataclass field cannot have this value; unknown keys are ignored.

    Examples
    --------
    >>> from fibsem.config.runs import EvaluateConfig
    >>> check_type(EvaluateConfig, "patch_limit", 5, "evaluate")
    """
    hints = _types(cls)
    if key in hints:
        _value(hints[key], value, f"{where}.{key}")


def _value(kind: Any, value: Any, where: str) -> Any:
    """Check a value against a type annotation; integers pass as floats, lists as tuples."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if value not in arguments:
            choices = ", ".join(map(str, arguments))
            raise UserError(f"`{where}` must be one of {choices}, but got {value}.")
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _value(next(a for a in arguments if a is not type(None)), value, where)
    if origin is dict:
        require(where, value, isinstance(value, Mapping), "a mapping in braces")
        return {str(key): _value(arguments[1], value[key], f"{where}.{key}") for key in value}
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(_value(arguments[0], item, where) for item in items)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(value, where)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        raise UserError(f"`{where}` must be {names.get(kind, kind)}, but got {value!r}.")
    return value


#: Types of keys that commands read without a dataclass: the string ``no`` would count as true.
TYPES: dict[str, type] = {
    "overwrite": bool, "rollback": bool, "history": bool, "segment": bool, "seeds": int,
}  # fmt: skip
#: One more than the largest seed: all generators accept it, also after retries have added to it.
SEEDS = 2**31


def check_value(key: str, value: Any) -> None:
    """Check the type of a value that no dataclass checks, and the range of seeds.

    >>> check_value("overwrite", "no")
    Traceback (most recent call last):
    fibsem.errors.UserError: `overwrite` must be true or false, but got 'no'.
    """
    if key in TYPES:
        _value(TYPES[key], value, key)
    if key == "seeds":
        require("seeds", value, value > 0, "at least 1")
    if key.split(".")[-1] == "seed" and not key.startswith("space."):
        legal = 0 <= _value(int, value, key) < SEEDS
        require(key, value, legal, f"a whole number from 0 to {SEEDS - 1}")


def _finite(value: float, where: str) -> float:
    """Convert a number to a finite float; YAML allows infinities and integers of any length."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    require(where, value, math.isfinite(number), "a finite number")
    return number


def read_path(value: Any, where: str) -> Path:
    """Convert a string to a path with ``~/`` expanded; raise ``UserError`` for an address.

    Examples
    --------
    >>> read_path("labels/here", "output").name
    'here'
    """
    if not isinstance(value, str) or not value:
        raise UserError(f"`{where}` must be a path, but got {value!r}.")
    require(where, hidden(value), not is_address(value), "a path of this machine")
    return home_path(value)


def require_file(key: str, address: str) -> None:
    """Raise ``UserError`` for an SQLite address in another form than ``sqlite:///PATH``.

    Examples
    --------
    >>> require_file("tracking.uri", "sqlite:///runs.db")
    """
    legal = not names_no_file(address)
    require(key, hidden(address), legal, "sqlite:///PATH where a database lies in a file")


def require(key: str, value: object, legal: bool, constraint: str) -> None:
    """Raise ``UserError`` with the constraint if a value is not legal.

    Examples
    --------
    >>> require("seed", -1, -1 >= 0, "at least 0")
    Traceback (most recent call last):
    fibsem.errors.UserError: `seed` must be at least 0, but got -1.
    """
    if not legal:
        raise UserError(f"`{key}` must be {constraint}, but got {value}.")


def flat(tree: Mapping[str, Any], path: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the dotted keys and leaves of a tree.

    Examples
    --------
    >>> dict(flat({"seed": 0, "train": {"mode": "grid"}}))
    {'seed': 0, 'train.mode': 'grid'}
    """
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flat(value, (*path, str(key)))
        else:
            yield ".".join((*path, str(key))), value
