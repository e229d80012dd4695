"""Declared search spaces: what may be swept, restricted to what is legal, and how it is drawn.

No search library in here: the same space serves every backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np

from fibsem.config import Tree
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.spec import MAX_HEAD, Padding, resolve

Values = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[Any, ...]

    @property
    def size(self) -> float:
        return len(self.values)

    def draw(self, rng: np.random.Generator) -> Any:
        return self.values[int(rng.integers(len(self.values)))]

    def strata(self, count: int) -> tuple[Choice, ...]:
        """Each value by itself."""
        return tuple(Choice((value,)) for value in self.values)


@dataclass(frozen=True)
class Range:
    """A real number between two bounds, uniform or log-uniform."""

    low: float
    high: float
    log: bool = False

    @property
    def size(self) -> float:
        return math.inf

    def draw(self, rng: np.random.Generator) -> float:
        if self.log:
            return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return float(rng.uniform(self.low, self.high))

    def strata(self, count: int) -> tuple[Range, ...]:
        """Equally probable parts."""
        spaced = np.geomspace if self.log else np.linspace
        edges = spaced(self.low, self.high, count + 1)
        return tuple(Range(float(a), float(b), self.log) for a, b in pairwise(edges))


Axis = Choice | Range


@dataclass(frozen=True)
class Space:
    """Axes by dotted configuration key, and which of them are enumerated.

    ``legal`` says whether a (partial) assignment is possible at all: what neighbourhood and padding
    forbid, and what leaves a head kernel wider than 9, is removed before pairs are enumerated.
    """

    name: str
    axes: Mapping[str, Axis]
    enumerated: tuple[str, ...]
    strata: int
    legal: Callable[[Values], bool]

    @property
    def size(self) -> float:
        """Number of points, legal ones only; infinite where a range is among the axes."""
        if any(isinstance(axis, Range) for axis in self.axes.values()):
            return math.inf
        tied = [key for key in GEOMETRY if key in self.axes]
        combinations = product(*(self.axes[key].values for key in tied))  # type: ignore[union-attr]
        legal = sum(self.legal(dict(zip(tied, point, strict=True))) for point in combinations)
        free = (axis.size for key, axis in self.axes.items() if key not in tied)
        return legal * math.prod(free)

    def cells(self) -> list[dict[str, Axis]]:
        """The cells of the enumerated axes that hold a legal point, in order.

        A cell fixes each enumerated choice to one value and each enumerated range to one stratum.
        """
        parts = [list[Axis](self.axes[key].strata(self.strata)) for key in self.enumerated]
        cells: list[dict[str, Axis]] = [
            dict(zip(self.enumerated, part, strict=True)) for part in product(*parts)
        ]
        return [cell for cell in cells if self._possible(cell)]

    def plan(self, seed: int) -> Iterator[Values]:
        """Endless draws: every cell equally often, shuffled round by round, the rest at random.

        The k-th draw depends on the seed and k alone, so that a sweep that is continued, or given
        more trials, goes on with the draws it would have had.
        """
        cells = self.cells()
        if not cells:
            raise UserError(
                f"`space={self.name}` must hold a network that fits, but neighbourhood and padding "
                "forbid all of it; the choices are a larger nbhd or other blocks in the space."
            )
        number = 0
        while True:
            order = np.random.default_rng([seed, number // len(cells)]).permutation(len(cells))
            for k in order:
                yield self.draw(np.random.default_rng([seed, number, 1]), cells[k])
                number += 1

    def draw(self, rng: np.random.Generator, cell: Mapping[str, Axis] | None = None) -> Values:
        """One legal point at random; ``cell`` narrows some of the axes."""
        axes = {**self.axes, **(cell or {})}
        for _ in range(10_000):
            values = {key: axis.draw(rng) for key, axis in axes.items()}
            if self.legal(values):
                return values
        raise UserError(f"`space={self.name}` must hold a network that fits, but none was found.")

    def choices(self, key: str, given: Values) -> Axis:
        """The axis of a key, without the values that the ones already given forbid."""
        axis = self.axes[key]
        if isinstance(axis, Range):
            return axis
        return Choice(
            tuple(value for value in axis.values if self._possible_with({**given, key: value}))
        )

    def _possible(self, cell: Mapping[str, Axis]) -> bool:
        fixed = {
            key: axis.values[0]
            for key, axis in cell.items()
            if isinstance(axis, Choice) and key in GEOMETRY
        }
        return self._possible_with(fixed)

    def _possible_with(self, given: Values) -> bool:
        """Whether some values of the other geometric axes make the given ones legal."""
        others = [key for key in GEOMETRY if key in self.axes and key not in given]
        axes = (self.axes[key].values for key in others)  # type: ignore[union-attr]
        return any(
            self.legal({**given, **dict(zip(others, point, strict=True))})
            for point in product(*axes)
        )


#: Keys that decide together whether a network is possible.
GEOMETRY = ("model.blocks", "model.kernel", "model.convs_per_block", "model.pool")


def read_space(tree: Tree) -> Space:
    """The space of a configuration, restricted to its neighbourhood and padding."""
    declared = tree["space"]
    axes = dict(_axes(declared["axes"]))
    enumerated = tuple(declared.get("enumerate") or ())
    for key in enumerated:
        if key not in axes:
            raise UserError(
                f"`space.enumerate` must name axes of the space, but got {key!r}; "
                f"the choices are {', '.join(axes)}."
            )
    nbhd, padding = Nbhd.parse(tree["nbhd"]), tree["model"]["padding"]
    name = tree["model"]["name"]
    fixed = {key: _at(tree, key) for key in GEOMETRY}
    return Space(
        declared["name"], axes, enumerated, int(declared.get("strata", 5)),
        lambda values: _fits(name, nbhd, padding, {**fixed, **values}),
    )  # fmt: skip


def _fits(name: str, nbhd: Nbhd, padding: Padding, values: Values) -> bool:
    """Whether a network with these values exists and its head is not too wide."""
    given = {key.removeprefix("model."): values.get(key) for key in GEOMETRY}
    if all(value is None for value in given.values()):
        return True
    try:
        head = resolve(name, nbhd, padding, given).head
    except UserError:
        return False
    return head is None or 1 <= head <= MAX_HEAD


def _axes(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Axis]]:
    """Walk nested axes: a list is a choice, low and high are a range, anything else a group."""
    for name, node in tree.items():
        key = f"{path}{name}"
        if isinstance(node, list):
            if not node:
                raise UserError(f"`space.axes.{key}` must have at least one value, but is empty.")
            yield key, Choice(tuple(node))
        elif isinstance(node, dict) and "low" in node and "high" in node:
            yield key, _range(key, node)
        elif isinstance(node, dict):
            yield from _axes(node, f"{key}.")
        elif node is not None:  # null takes an axis out
            yield key, Choice((node,))


def _range(key: str, node: Mapping[str, Any]) -> Range:
    low, high, log = float(node["low"]), float(node["high"]), bool(node.get("log", False))
    if not low < high or (log and low <= 0):
        raise UserError(
            f"`space.axes.{key}` must have low < high (and low > 0 with log), but got {dict(node)}."
        )
    return Range(low, high, log)


def _at(tree: Tree, key: str) -> Any:
    group, name = key.split(".")
    return tree[group].get(name)
