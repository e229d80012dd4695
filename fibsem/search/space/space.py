"""Search spaces: axes, the legal combinations of their values, and draws of points.

Neither Optuna nor Keras-Tuner is imported here: one space serves both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise, product
from typing import Any

import numpy as np

from fibsem.errors import UserError

Values = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """One of a few values.

    Examples
    --------
    >>> Choice((16, 32, 64)).draw(np.random.default_rng(0))
    64
    """

    values: tuple[Any, ...]

    @property
    def size(self) -> float:
        """Number of values."""
        return len(self.values)

    def draw(self, rng: np.random.Generator) -> Any:
        """Draw one of the values, each with the same probability."""
        return self.values[int(rng.integers(len(self.values)))]

    def holds(self, value: Any) -> bool:
        """Whether a value may be drawn from the axis."""
        return value in self.values

    def strata(self, count: int) -> tuple[Choice, ...]:
        """Return one part for each value."""
        return tuple(Choice((value,)) for value in self.values)


@dataclass(frozen=True)
class Range:
    """A number between two bounds, uniform or log-uniform; an integer if ``integer``.

    Integers are rounded from continuous numbers, drawn from half below the lowest to half above the
    highest, as in Optuna's samplers.

    Examples
    --------
    >>> [part.low for part in Range(1e-4, 1e-1, log=True).strata(3)]  # equally probable parts
    [0.0001, 0.001, 0.01]
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False

    @property
    def size(self) -> float:
        """Number of integers in the range; infinite for a continuous one."""
        return self.high - self.low + 1 if self.integer else math.inf

    def draw(self, rng: np.random.Generator) -> float:
        """Draw a number uniformly, or uniformly in its logarithm if ``log``."""
        if self.integer and not self.log:
            return int(rng.integers(int(self.low), int(self.high), endpoint=True))
        if self.integer:
            return Rounded(self.continuous).draw(rng)
        if self.log:
            return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return float(rng.uniform(self.low, self.high))

    def holds(self, value: Any) -> bool:
        """Whether a value may be drawn from the axis."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        is_integral = not self.integer or float(value).is_integer() if number else False
        return number and is_integral and self.low <= value <= self.high

    @property
    def continuous(self) -> Range:
        """Continuous range whose values are rounded to integers."""
        return Range(self.low - 0.5, self.high + 0.5, self.log)

    def strata(self, count: int) -> tuple[Range | Rounded, ...]:
        """Divide the range into ``count`` equally probable parts."""
        if self.integer:
            return tuple(map(Rounded, self.continuous._parts(count)))
        return self._parts(count)

    def _parts(self, count: int) -> tuple[Range, ...]:
        spaced = np.geomspace if self.log else np.linspace
        edges = spaced(self.low, self.high, count + 1)
        return tuple(Range(float(a), float(b), self.log) for a, b in pairwise(edges))

    def points(self, count: int) -> tuple[float, ...]:
        """Return evenly spaced values with both ends; all integers if at most ``count``."""
        if self.integer and count > self.high - self.low:
            return tuple(range(int(self.low), int(self.high) + 1))
        spaced = np.geomspace if self.log else np.linspace
        values = spaced(self.low, self.high, count)
        if self.integer:
            return tuple(int(value) for value in np.unique(np.round(values)))
        return tuple(float(value) for value in values)


@dataclass(frozen=True)
class Rounded:
    """Part of a range of integers: a continuous range whose values are rounded."""

    continuous: Range

    def holds(self, value: Any) -> bool:
        """Whether a value may be drawn from the axis."""
        return self.continuous.holds(value)

    def draw(self, rng: np.random.Generator) -> int:
        """Draw from the continuous range and round to the nearest integer."""
        return math.floor(self.continuous.draw(rng) + 0.5)


Axis = Choice | Range
#: A part of an axis, to which an enumerated axis is narrowed in one cell.
Stratum = Axis | Rounded


Conditions = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Limit:
    """Values of axes that are allowed by values of other axes: a U-Net has at most 3 blocks."""

    when: Conditions
    left: Conditions

    def allows(self, values: Values) -> bool:
        """Whether a (partial) assignment respects this limit."""
        if not all(values.get(key) in allowed for key, allowed in self.when.items()):
            return True
        return all(values[key] in allowed for key, allowed in self.left.items() if key in values)


@dataclass(frozen=True)
class Space:
    """Axes by dotted configuration key, and which of them are enumerated.

    ``fits`` tests whether a (partial) assignment is possible: combinations that neighbourhood and
    padding forbid, or that leave a head kernel wider than 9, are removed before cells are
    enumerated. ``conditions`` maps an axis to the values of other axes for which it exists: the
    width of a second dense layer exists if there is a second dense layer. ``limits`` narrow an axis
    that exists. ``defaults`` are legal points that are drawn before all others, each in place of a
    point of its cell.

    Examples
    --------
    >>> axes = {"model.filters": Choice((16, 32)), "model.blocks": Choice((2, 3, 4))}
    >>> few = Space("few", axes, enumerated=(), strata=1, fits=lambda values: True)
    >>> few.size, len(few.grid(seed=0, points=1))
    (6.0, 6)
    """

    name: str
    axes: Mapping[str, Axis]
    enumerated: tuple[str, ...]
    strata: int
    fits: Callable[[Values], bool]
    conditions: Mapping[str, Conditions] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    defaults: tuple[Values, ...] = ()

    def legal(self, values: Values) -> bool:
        """Whether a (partial) assignment is possible, and within the limits."""
        return all(limit.allows(values) for limit in self.limits) and self.fits(values)

    def exists(self, key: str, values: Values) -> bool:
        """Whether an axis exists, given the values of earlier axes."""
        conditions = self.conditions.get(key, {})
        return all(values.get(other) in allowed for other, allowed in conditions.items())

    @property
    def architectures(self) -> int:
        """Number of architectures in the space; one if the architecture is not an axis."""
        axis = self.axes.get("model.name")
        return len(axis.values) if isinstance(axis, Choice) else 1

    def first_of_each(self) -> list[Values]:
        """Return the first drawn point of each architecture; an empty one if there is but one."""
        if "model.name" not in self.axes or "model.name" in self.conditions:
            return [{}]
        named: dict[str, Values] = {}
        for point in islice(self.plan(0), 10 * self.architectures):
            named.setdefault(point["model.name"], point)
        return list(named.values())

    @property
    def size(self) -> float:
        """Number of legal points; infinite if an axis is a continuous range."""
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
        """Return the values of an axis: ``points`` of a range, or all integers if it is 0."""
        axis = self.axes[key]
        if isinstance(axis, Choice):
            return axis.values
        return axis.points(points or int(axis.size))

    def _points(self, keys: Sequence[str], values: Sequence[Sequence[Any]]) -> Iterator[Values]:
        """Yield every legal combination once, without axes that do not exist."""
        fits: dict[str, bool] = {}  # by the axes of GEOMETRY; no other axis matters
        for point in self._combinations(list(zip(keys, values, strict=True)), {}):
            mark = repr([(key, point[key]) for key in GEOMETRY if key in point])
            if mark not in fits:
                fits[mark] = self.fits(point)
            if fits[mark]:
                yield point

    def _combinations(
        self, axes: Sequence[tuple[str, Sequence[Any]]], values: Values
    ) -> Iterator[Values]:
        """Complete the given values in all ways within the limits; the last axis varies fastest."""
        if not axes:
            yield values
            return
        (key, choices), others = axes[0], axes[1:]
        if not self.exists(key, values):
            yield from self._combinations(others, values)
            return
        for value in choices:
            point = {**values, key: value}
            if all(limit.allows(point) for limit in self.limits):
                yield from self._combinations(others, point)

    def grid(self, seed: int, points: int) -> list[Values]:
        """Return every legal point in random order, with ``points`` values of each range."""
        keys = list(self.axes)
        every = list(self._points(keys, [self._values(key, points) for key in keys]))
        order = np.random.default_rng([seed, 2]).permutation(len(every))
        return [every[k] for k in order]

    def cells(self) -> list[dict[str, Stratum]]:
        """Return the cells of the enumerated axes that contain a legal point, in order.

        A cell fixes each enumerated choice to one value and each enumerated range to one stratum.
        """
        parts = [list[Stratum](self.axes[key].strata(self.strata)) for key in self.enumerated]
        cells: list[dict[str, Stratum]] = [
            dict(zip(self.enumerated, values, strict=True)) for values in product(*parts)
        ]
        return [cell for cell in cells if self._possible(cell)]

    def plan(self, seed: int, *, enumerate_cells: bool = True) -> Iterator[Values]:
        """Yield points endlessly: cells in turn, shuffled in every round, other axes at random.

        The defaults come first. The k-th draw depends only on the seed and k, so that a sweep that
        is continued, or given more trials, has the same draws as one without interruption.

        Parameters
        ----------
        seed
            Seed of the draws.
        enumerate_cells
            False for plain random search, without cells.
        """
        cells = self.cells() if enumerate_cells else [{}]
        if not cells:
            raise UserError(
                f"`space={self.name}` must hold a network that fits, but neighbourhood and padding "
                "forbid all of it; the choices are a larger nbhd or other blocks in the space."
            )
        number, waiting = 0, list(self.defaults)
        while True:
            order = np.random.default_rng([seed, number // len(cells)]).permutation(len(cells))
            begun = _in_cells(waiting, cells)
            waiting = [point for point in waiting if point not in begun.values()]
            for k in (*begun, *(k for k in order if k not in begun)):
                if k in begun:
                    yield dict(begun[k])
                else:
                    yield self.draw(np.random.default_rng([seed, number, 1]), cells[k])
                number += 1

    def draw(self, rng: np.random.Generator, cell: Mapping[str, Stratum] | None = None) -> Values:
        """Draw a legal point at random; ``cell`` narrows some of the axes."""
        axes: dict[str, Stratum] = {**self.axes, **(cell or {})}
        for _ in range(10_000):
            values: Values = {}
            for key, axis in axes.items():
                if self.exists(key, values):
                    values[key] = axis.draw(rng)
            if self.legal(values):
                return values
        raise UserError(f"`space={self.name}` must hold a network that fits, but none was found.")

    def choices(self, key: str, values: Values) -> Axis:
        """Return an axis without the values that are impossible together with ``values``."""
        axis = self.axes[key]
        if isinstance(axis, Range):
            return axis
        return Choice(
            tuple(value for value in axis.values if self._possible_with({**values, key: value}))
        )

    def _possible(self, cell: Mapping[str, Stratum]) -> bool:
        fixed = {
            key: axis.values[0]
            for key, axis in cell.items()
            if isinstance(axis, Choice) and key in GEOMETRY
        }
        return self._possible_with(fixed)

    def _possible_with(self, values: Values) -> bool:
        """Whether some values of the other geometric axes make the given ones legal."""
        others = [key for key in GEOMETRY if key in self.axes and key not in values]
        axes = (self._values(key, 0) for key in others)
        return any(
            self.legal({**values, **dict(zip(others, point, strict=True))})
            for point in product(*axes)
        )


def _in_cells(
    points: Sequence[Values], cells: Sequence[Mapping[str, Stratum]]
) -> dict[int, Values]:
    """Return the first point in each cell, by the index of the cell."""
    by_cell: dict[int, Values] = {}
    for point in points:
        for k, cell in enumerate(cells):
            inside = all(key in point and choice.holds(point[key]) for key, choice in cell.items())
            if inside and k not in by_cell:
                by_cell[k] = point
                break
    return by_cell


#: Keys that together determine whether a network is possible.
GEOMETRY = (
    "model.name",
    "nbhd",
    "model.blocks",
    "model.kernel",
    "model.convs_per_block",
    "model.pool",
)
