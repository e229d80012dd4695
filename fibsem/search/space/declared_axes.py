"""Read the axes of a space from YAML, and check their values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from fibsem.config import TrainConfig, require
from fibsem.config.reading import check_type
from fibsem.data.preprocessing import Recipe
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.hyperparameters import check_value
from fibsem.search.space.space import GEOMETRY, Axis, Choice, Conditions, Range

#: Keys of a space in YAML; other keys may hold lists that its values refer to (``${...}``).
KEYS = ("name", "enumerate", "strata", "defaults_first", "axes", "limits")
#: Sections of the configuration with typed values, and the classes with the types.
TYPED: Mapping[str, type] = {"train": TrainConfig, "preprocess": Recipe}


def check_names(declared: Mapping[str, Any]) -> None:
    """Refuse a misspelt key of a space, which would have no effect.

    >>> check_names({"name": "mine", "axes": {}, "rates": {}})
    """
    for key in declared:
        near = [] if key in KEYS else get_close_matches(key, KEYS, cutoff=0.75)
        require("space", key, not near, f"of keys {', '.join(KEYS)} and tables with other names")


def strata_of(declared: Mapping[str, Any]) -> int:
    """Return the number of parts into which an enumerated range is divided."""
    strata = declared.get("strata", 5)
    legal = isinstance(strata, int) and not isinstance(strata, bool) and strata >= 1
    require("space.strata", strata, legal, "a whole number, at least 1")
    return int(strata)


def begins_with_defaults(declared: Mapping[str, Any]) -> bool:
    """Whether the first trials of a sweep have the default settings."""
    first = declared.get("defaults_first", False)
    require("space.defaults_first", first, isinstance(first, bool), "true or false")
    return bool(first)


def check_conditions(key: str, when: Conditions, axes: Mapping[str, Axis]) -> None:
    """Refuse conditions on an axis that is not an earlier one, or on values that it lacks."""
    for other, values in when.items():
        if other not in axes:
            raise UserError(
                f"`space.axes.{key}.when` must name axes before it, but got {other!r}; "
                f"before it are {', '.join(axes) or 'none'}."
            )
        axis = axes[other]
        strange = [value for value in values if not _holds(axis, value)]
        choices = axis.values if isinstance(axis, Choice) else (axis.low, axis.high)
        require(
            f"space.axes.{key}.when.{other}", ", ".join(map(str, strange)), not strange,
            f"values that the axis has, which are {', '.join(map(str, choices))}",
        )  # fmt: skip


def _holds(axis: Axis, value: Any) -> bool:
    return value in axis.values if isinstance(axis, Choice) else axis.low <= value <= axis.high


def check_values(key: str, axis: Axis) -> None:
    """Refuse values that are wrong for every network and training, regardless of other axes."""
    section, _, name = key.partition(".")
    for value in axis.values if isinstance(axis, Choice) else (axis.low, axis.high):
        if isinstance(axis, Range) and axis.integer:
            value = int(value)
        if key == "nbhd":
            Nbhd.parse(value)
        elif section == "model" and name != "name":
            check_value(name, value)
        elif section in TYPED:
            check_type(TYPED[section], name, value, section)


def axes_of(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Axis, Conditions]]:
    """Walk nested axes: a list is a choice, low and high are a range, anything else a group.

    A mapping with ``values`` and ``when`` is a choice that exists for some values of another axis.
    """
    for name, node in tree.items():
        key = f"{path}{name}"
        when: dict[str, tuple[Any, ...]] = {}
        if isinstance(node, dict) and "when" in node:
            when = {other: tuple(values) for other, values in flat_lists(node["when"])}
            node = {k: v for k, v in node.items() if k != "when"}
        if isinstance(node, dict) and set(node) == {"values"}:
            node = node["values"]
        if isinstance(node, list):
            if not node:
                raise UserError(f"`space.axes.{key}` must have at least one value, but is empty.")
            yield key, _choice(key, node), when
        elif isinstance(node, dict) and "low" in node and "high" in node:
            numbers = _range(key, node)
            yield key, _choice_of_integers(key, numbers) if key in GEOMETRY else numbers, when
        elif isinstance(node, dict):
            yield from axes_of(node, f"{key}.")
        elif node is not None:  # null removes an axis
            yield key, Choice((node,)), when


def flat_lists(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Yield dotted keys and lists of values of a nested mapping; a single value gives a list."""
    for name, node in tree.items():
        if isinstance(node, dict):
            yield from flat_lists(node, f"{path}{name}.")
        else:
            yield f"{path}{name}", node if isinstance(node, list) else [node]


def _choice(key: str, values: list[Any]) -> Choice:
    """Make a choice from a list of distinct values, each drawn equally often."""
    texts = [json.dumps(value, default=str) for value in values]
    again = [text for k, text in enumerate(texts) if text in texts[:k]]
    require(f"space.axes.{key}", ", ".join(again), not again, "a list of different values")
    return Choice(tuple(values))


def _choice_of_integers(key: str, numbers: Range) -> Choice:
    """Convert a range of integers to a choice, as only some may fit the network (``GEOMETRY``)."""
    legal = numbers.integer and not numbers.log
    require(f"space.axes.{key}", f"{numbers.low:g} to {numbers.high:g}", legal, "a list, or low "
            "and high with int: true, and without log")  # fmt: skip
    return Choice(tuple(range(int(numbers.low), int(numbers.high) + 1)))


def _range(key: str, node: Mapping[str, Any]) -> Range:
    """Make a range from ``low``, ``high`` and ``log`` in YAML."""
    ends, kinds = [node["low"], node["high"]], [node.get("log", False), node.get("int", False)]
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    legal = (
        set(node) <= {"low", "high", "log", "int"}
        and all(isinstance(kind, bool) for kind in kinds)
        and numbers
        and -math.inf < ends[0] < ends[1] < math.inf
        and (not kinds[0] or ends[0] > 0)
        and (not kinds[1] or all(float(end).is_integer() for end in ends))
    )
    if not legal:
        raise UserError(
            f"`space.axes.{key}` must have numbers low < high (low > 0 with log: true, whole ones "
            f"with int: true), and nothing else but log and int, but got {dict(node)}."
        )
    log, integer = kinds
    return Range(float(ends[0]), float(ends[1]), log, integer)
