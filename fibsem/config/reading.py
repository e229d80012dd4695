"""Reads frozen values from plain trees; wrong names and types raise an error of one line."""

from __future__ import annotations

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

#: A configuration as nested dicts of values that YAML has.
Tree = dict[str, Any]
T = TypeVar("T")


def read(cls: type[T], tree: Mapping[str, Any], where: str = "") -> T:
    """Make a dataclass from a mapping, checking names and types.

    ``where`` is the key of the mapping within the configuration, for messages; empty at its top.

    Examples
    --------
    >>> from fibsem.config.runs import EvaluateConfig
    >>> read(EvaluateConfig, {"patch_limit": 5}, "evaluate").patch_limit
    5
    """
    assert is_dataclass(cls)
    hints = typing.get_type_hints(cls)
    named = {field.name: field for field in fields(cls)}
    for key in tree:
        if key not in named:
            what = f"`{where}`" if where else "the command"
            raise UserError(f"{what} has no key {key!r}; it has: {', '.join(sorted(named))}.")
    values = {}
    for key, field in named.items():
        if key in tree:
            values[key] = _value(hints[key], tree[key], _under(where, key))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise UserError(f"`{_under(where, key)}` must be given, but is missing.")
    return typing.cast(T, cls(**values))


def _under(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def check_type(cls: type, key: str, value: Any, where: str) -> None:
    """Refuse a value that a field of a dataclass cannot have; other keys are ignored.

    Examples
    --------
    >>> from fibsem.config.runs import EvaluateConfig
    >>> check_type(EvaluateConfig, "patch_limit", 5, "evaluate")
    """
    hints = typing.get_type_hints(cls)
    if key in hints:
        _value(hints[key], value, f"{where}.{key}")


def _value(kind: Any, value: Any, where: str) -> Any:
    """Check a value against a type annotation; whole numbers pass as floats, lists as tuples."""
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


#: Types of keys that are read from the tree directly: the text ``no`` would count as true.
TYPES: dict[str, type] = {
    "overwrite": bool, "rollback": bool, "history": bool, "segment": bool, "seeds": int,
}  # fmt: skip
#: One more than the largest seed that all generators accept, with room for retries.
SEEDS = 2**31


def check_types(tree: Tree) -> None:
    """Check types of values that no dataclass has, and the range of seeds."""
    for key in TYPES.keys() & tree.keys():
        _value(TYPES[key], tree[key], key)
    if "seeds" in tree:
        require("seeds", tree["seeds"], tree["seeds"] > 0, "at least 1")
    for key, value in flat(tree):
        if key.split(".")[-1] == "seed" and not key.startswith("space."):
            legal = 0 <= _value(int, value, key) < SEEDS
            require(key, value, legal, f"a whole number from 0 to {SEEDS - 1}")


def _finite(value: float, where: str) -> float:
    """A finite number as a float; YAML also has infinities, and whole numbers of any length."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    require(where, value, math.isfinite(number), "a finite number")
    return number


def read_path(value: Any, where: str) -> Path:
    """Make a path from a text; ``~/`` is the home folder; addresses are refused.

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
    """Refuse an SQLite address that names no file, or is of an unexpected form.

    Examples
    --------
    >>> require_file("tracking.uri", "sqlite:///runs.db")
    """
    legal = not names_no_file(address)
    require(key, hidden(address), legal, "sqlite:///PATH where a database lies in a file")


def require(key: str, value: object, legal: bool, constraint: str) -> None:
    """Raise a :class:`UserError` if a value is not legal.

    Examples
    --------
    >>> require("seed", -1, -1 >= 0, "at least 0")
    Traceback (most recent call last):
    fibsem.errors.UserError: `seed` must be at least 0, but got -1.
    """
    if not legal:
        raise UserError(f"`{key}` must be {constraint}, but got {value}.")


def flat(tree: Mapping[str, Any], path: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """Dotted keys and leaves of a tree.

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
