"""Declared search spaces: what may be swept, restricted to what is legal, and how it is drawn.

No search library in here: the same space serves every backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise, product
from typing import Any

import numpy as np

from fibsem.config import AUTO, Configuration, Tree, flat, require
from fibsem.errors import UserError
from fibsem.geometry import Nbhd
from fibsem.models.spec import MAX_HEAD, MODELS, Padding, resolve

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
    """A number between two bounds, uniform or log-uniform; whole if ``integer``."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    @property
    def size(self) -> float:
        return self.high - self.low + 1 if self.integer else math.inf

    def draw(self, rng: np.random.Generator) -> float:
        if self.integer and not self.log:
            return int(rng.integers(int(self.low), int(self.high), endpoint=True))
        if self.log:
            value = float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        else:
            value = float(rng.uniform(self.low, self.high))
        return round(value) if self.integer else value

    def strata(self, count: int) -> tuple[Range, ...]:
        """Equally probable parts."""
        spaced = np.geomspace if self.log else np.linspace
        edges = spaced(self.low, self.high, count + 1)
        if self.integer:
            edges = np.unique(np.round(edges))
        return tuple(Range(float(a), float(b), self.log, self.integer) for a, b in pairwise(edges))

    def points(self, count: int) -> tuple[float, ...]:
        """Evenly spaced values, both ends in; those of a grid."""
        spaced = np.geomspace if self.log else np.linspace
        values = spaced(self.low, self.high, count)
        if self.integer:
            return tuple(int(value) for value in np.unique(np.round(values)))
        return tuple(float(value) for value in values)


Axis = Choice | Range


Conditions = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Limit:
    """What axes have left where others have these values: a U-Net's blocks are three at most."""

    when: Conditions
    left: Conditions

    def allows(self, given: Values) -> bool:
        """Whether a (partial) assignment is within it."""
        if not all(given.get(key) in values for key, values in self.when.items()):
            return True
        return all(given[key] in values for key, values in self.left.items() if key in given)


@dataclass(frozen=True)
class Space:
    """Axes by dotted configuration key, and which of them are enumerated.

    ``fits`` says whether a (partial) assignment is possible at all: what neighbourhood and padding
    forbid, and what leaves a head kernel wider than 9, is removed before pairs are enumerated.
    ``conditions`` maps an axis to the values of another one with which it exists: the width of a
    second dense layer where there is a second dense layer; ``limits`` narrow an axis that exists.
    """

    name: str
    axes: Mapping[str, Axis]
    enumerated: tuple[str, ...]
    strata: int
    fits: Callable[[Values], bool]
    conditions: Mapping[str, Conditions] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()

    def legal(self, given: Values) -> bool:
        """Whether a (partial) assignment is possible, and within the limits."""
        return all(limit.allows(given) for limit in self.limits) and self.fits(given)

    def exists(self, key: str, given: Values) -> bool:
        """Whether an axis exists beside the values of the axes before it."""
        conditions = self.conditions.get(key, {})
        return all(given.get(other) in values for other, values in conditions.items())

    @property
    def architectures(self) -> int:
        """How many there are; one where they are no axis."""
        axis = self.axes.get("model.name")
        return len(axis.values) if isinstance(axis, Choice) else 1

    @property
    def size(self) -> float:
        """Number of points, legal ones only; infinite where a range is among the axes."""
        if any(axis.size == math.inf for axis in self.axes.values()):
            return math.inf
        parents = {other for conditions in self.conditions.values() for other in conditions}
        parents |= {key for limit in self.limits for key in (*limit.when, *limit.left)}
        tied = [key for key in self.axes if key in GEOMETRY or key in parents]
        free = [key for key in self.axes if key not in tied]
        choices = (self._values(key, 0) for key in tied)
        total = 0.0
        for point in self._points(tied, list(choices)):
            total += math.prod(self.axes[key].size for key in free if self.exists(key, point))
        return total

    def _values(self, key: str, points: int) -> tuple[Any, ...]:
        """Values of an axis; of a range as many as a grid has."""
        axis = self.axes[key]
        if isinstance(axis, Choice):
            return axis.values
        return axis.points(points or int(axis.size))

    def _points(self, keys: Sequence[str], values: Sequence[Sequence[Any]]) -> Iterator[Values]:
        """Legal combinations, without axes that do not exist; each once."""
        fits: dict[str, bool] = {}  # geometry decides, and most axes are none of it
        for point in self._combinations(list(zip(keys, values, strict=True)), {}):
            mark = repr([(key, point[key]) for key in GEOMETRY if key in point])
            if mark not in fits:
                fits[mark] = self.fits(point)
            if fits[mark]:
                yield point

    def _combinations(
        self, axes: Sequence[tuple[str, Sequence[Any]]], given: Values
    ) -> Iterator[Values]:
        """What the given values can be completed to within the limits, the last axis fastest."""
        if not axes:
            yield given
            return
        (key, values), others = axes[0], axes[1:]
        if not self.exists(key, given):
            yield from self._combinations(others, given)
            return
        for value in values:
            point = {**given, key: value}
            if all(limit.allows(point) for limit in self.limits):
                yield from self._combinations(others, point)

    def grid(self, seed: int, points: int) -> list[Values]:
        """Every legal point, ranges at ``points`` values each; in an order drawn from the seed."""
        keys = list(self.axes)
        every = list(self._points(keys, [self._values(key, points) for key in keys]))
        order = np.random.default_rng([seed, 2]).permutation(len(every))
        return [every[k] for k in order]

    def cells(self) -> list[dict[str, Axis]]:
        """The cells of the enumerated axes that hold a legal point, in order.

        A cell fixes each enumerated choice to one value and each enumerated range to one stratum.
        """
        parts = [list[Axis](self.axes[key].strata(self.strata)) for key in self.enumerated]
        cells: list[dict[str, Axis]] = [
            dict(zip(self.enumerated, part, strict=True)) for part in product(*parts)
        ]
        return [cell for cell in cells if self._possible(cell)]

    def plan(self, seed: int, *, enumerate_cells: bool = True) -> Iterator[Values]:
        """Endless draws: every cell equally often, shuffled round by round, the rest at random.

        The k-th draw depends on the seed and k alone, so that a sweep that is continued, or given
        more trials, goes on with the draws it would have had.

        Parameters
        ----------
        seed
            Of the draws.
        enumerate_cells
            False for plain random search, without cells.
        """
        cells = self.cells() if enumerate_cells else [{}]
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
            values: Values = {}
            for key, axis in axes.items():
                if self.exists(key, values):
                    values[key] = axis.draw(rng)
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
        axes = (self._values(key, 0) for key in others)
        return any(
            self.legal({**given, **dict(zip(others, point, strict=True))})
            for point in product(*axes)
        )


#: Keys that decide together whether a network is possible.
GEOMETRY = (
    "model.name",
    "nbhd",
    "model.blocks",
    "model.kernel",
    "model.convs_per_block",
    "model.pool",
)


#: Where keys are by which trials may differ; those among them that say what trials are judged by.
SWEPT = ("nbhd", "model", "train", "preprocess", "seed")
COMPARED_BY = ("train.validation", "train.test")


def read_space(tree: Tree) -> Space:
    """The space of a configuration, restricted to its neighbourhood and padding.

    Raises
    ------
    UserError
        If an axis is no key of the configuration, or has no value, or hangs on an axis that is not
        before it.
    """
    given, declared = Configuration(tree), tree["space"]
    axes: dict[str, Axis] = {}
    conditions: dict[str, Conditions] = {}
    for key, axis, when in _axes(declared["axes"]):
        given.with_values({key: None})  # refuses a key that the configuration does not have
        sweepable = key.partition(".")[0] in SWEPT and key not in COMPARED_BY
        require("space.axes", key, sweepable, f"keys of {', '.join(SWEPT)}, by which trials of "
                "the same data, judged on the same pixels, may differ")  # fmt: skip
        for other in when:
            if other not in axes:
                raise UserError(
                    f"`space.axes.{key}.when` must name axes before it, but got {other!r}; "
                    f"before it are {', '.join(axes) or 'none'}."
                )
        axes[key] = axis
        if when:
            conditions[key] = when
    enumerated = tuple(declared.get("enumerate") or ())
    for key in enumerated:
        if key not in axes or key in conditions:
            raise UserError(
                f"`space.enumerate` must name unconditional axes of the space, but got {key!r}; "
                f"the choices are {', '.join(k for k in axes if k not in conditions)}."
            )
    if tree["model"]["name"] == AUTO:
        _check_architecture(tree["search"]["backend"], declared["name"], axes)
    padding, flat_tree = tree["model"]["padding"], dict(flat(tree))
    fixed = {key: flat_tree.get(key) for key in GEOMETRY}
    return Space(
        declared["name"], axes, enumerated, int(declared.get("strata", 5)),
        lambda values: _fits(padding, {**fixed, **values}), conditions,
        tuple(_limits(declared.get("limits") or (), axes)),
    )  # fmt: skip


def one_of_each(given: Configuration, space: Space) -> list[Configuration]:
    """A training of every architecture of a sweep; what all have in common, the first one says."""
    if given.tree["model"]["name"] != AUTO:
        return [given]
    named: dict[str, Values] = {}
    for point in islice(space.plan(0), 10 * space.architectures):
        named.setdefault(point["model.name"], point)
    return [given.with_values(point) for point in named.values()]


def _check_architecture(backend: str, space: str, axes: Mapping[str, Axis]) -> None:
    """Refuse a sweep over architectures where nothing could draw them."""
    models = ", ".join(MODELS)
    if backend != "optuna":  # whose oracles draw every axis, also those that do not exist
        raise UserError(
            f"`search.backend` must be optuna with model=auto, but got {backend}; the choices are "
            f"search=default or one model of {models}."
        )
    if "model.name" not in axes:
        raise UserError(
            f"`model=auto` needs the axis model.name, but space={space} has none; "
            f"the choices are space=auto or one model of {models}."
        )


def _limits(declared: Sequence[Mapping[str, Any]], axes: Mapping[str, Axis]) -> Iterator[Limit]:
    """Read ``space.limits``: ``when`` as of an axis, and what others have left then."""
    for entry in declared:
        legal = isinstance(entry, dict) and isinstance(entry.get("when"), dict)
        require("space.limits", entry, legal, "a list of axes with what they have left, and `when`")
        parts = (entry["when"], {k: v for k, v in entry.items() if k != "when"})
        when, left = ({key: tuple(values) for key, values in flat_lists(part)} for part in parts)
        for key in (*when, *left):
            if key not in axes:
                raise UserError(
                    f"`space.limits` must name axes of the space, but got {key!r}; the choices are "
                    f"{', '.join(axes)}."
                )
        yield Limit(when, left)


def _fits(padding: Padding, values: Values) -> bool:
    """Whether a network with these values exists; a head that is a convolution, not too wide."""
    others = [key for key in GEOMETRY if key not in ("nbhd", "model.name")]
    given = {key.removeprefix("model."): values.get(key) for key in others}
    if all(value is None for value in given.values()):
        return True
    try:
        head = resolve(values["model.name"], Nbhd.parse(values["nbhd"]), padding, given).head
    except UserError:
        return False
    return head is None or padding == "same" or head <= MAX_HEAD


def _axes(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Axis, Conditions]]:
    """Walk nested axes: a list is a choice, low and high are a range, anything else a group.

    ``values`` beside ``when`` is a choice that exists for some values of another axis.
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
            yield key, Choice(tuple(node)), when
        elif isinstance(node, dict) and "low" in node and "high" in node:
            yield key, _range(key, node), when
        elif isinstance(node, dict):
            yield from _axes(node, f"{key}.")
        elif node is not None:  # null takes an axis out
            yield key, Choice((node,)), when


def flat_lists(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Dotted keys and lists of values of a nested mapping; a single value is a list of one."""
    for name, node in tree.items():
        if isinstance(node, dict):
            yield from flat_lists(node, f"{path}{name}.")
        else:
            yield f"{path}{name}", node if isinstance(node, list) else [node]


def _range(key: str, node: Mapping[str, Any]) -> Range:
    unknown = set(node) - {"low", "high", "log", "int"}
    low, high, log = float(node["low"]), float(node["high"]), bool(node.get("log", False))
    if unknown or not low < high or (log and low <= 0):
        raise UserError(
            f"`space.axes.{key}` must have low < high (and low > 0 with log), and nothing else but "
            f"log and int, but got {dict(node)}."
        )
    return Range(low, high, log, bool(node.get("int", False)))
