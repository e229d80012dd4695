"""Distinguish values that the user typed from defaults in ``conf/``."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from fibsem.config.reading import Tree

AXES = "space.axes."


def typed_values(command_line: str) -> dict[str, str]:
    """Return the values in a command line by key, as the user typed them.

    >>> typed_values("python -m fibsem.train train.epochs=3 budget=1h")
    {'train.epochs': '3', 'budget': '1h'}
    """
    return dict(_pairs(shlex.split(command_line)[3:]))


def command_of(command_line: str) -> str:
    """Return the command of a command line; empty for an empty line.

    >>> command_of("python -m fibsem.train train.epochs=3"), command_of("")
    ('train', '')
    """
    return "".join(shlex.split(command_line)[2:3]).removeprefix("fibsem.")


def without_typed_axes(tree: Tree, overrides: Iterable[str]) -> Tree:
    """Return a sweep's tree in which the axis of each typed key has only the typed value.

    An axis that was typed itself stays.

    >>> tree = {"model": {"kernel": 5}, "space": {"axes": {"model": {"kernel": [3, 5]}}}}
    >>> without_typed_axes(tree, ["model.kernel=5"])["space"]["axes"]
    {'model': {'kernel': [5]}}
    >>> without_typed_axes(tree, ["model.kernel=5", "space.axes.model.kernel=[3,7]"]) == tree
    True
    """
    typed = dict(_pairs(overrides))
    axes = [key.removeprefix(AXES) for key in typed if key.startswith(AXES)]
    changed = copy.deepcopy(tree)
    for key in typed:
        if not any(
            f"{key}.".startswith(f"{axis}.") or f"{axis}.".startswith(f"{key}.") for axis in axes
        ):
            *groups, last = key.split(".")
            _fix(_below(changed, ["space", "axes", *groups]), _below(changed, groups), last)
    return changed


def _fix(axes: MutableMapping[str, Any], values: Mapping[str, Any], last: str) -> None:
    """Reduce an axis to the value of its key, if the axis exists."""
    if axes.get(last) is None or last not in values or _is_group(axes[last]):
        return
    value: Any = [values[last]]
    when = axes[last].get("when") if isinstance(axes[last], dict) else None
    axes[last] = value if when is None else {"values": value, "when": when}


def _below(node: Any, groups: Iterable[str]) -> Tree:
    """Return the subtree under some keys, or an empty dict if there is none."""
    for name in groups:
        node = node.get(name) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def _is_group(node: Any) -> bool:
    """Return whether a node is a group of axes, and not an axis itself."""
    return isinstance(node, dict) and not {"low", "values"} & set(node)


def _pairs(overrides: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of overrides; an override that removes a key has an empty value."""
    for text in overrides:
        key, _, value = text.lstrip("+~").partition("=")
        yield key, value
