"""A graph of ONNX as it grows, node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: An end behind every end: the rest of an axis.
REST = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Node:
    """An operator of ONNX with the names of what goes in and comes out."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]


class Graph:
    """Nodes and constants of a graph that grows; a value is known by its name."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: list[npt.NDArray[Any]] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        self.nodes.append(Node(kind, inputs, f"{kind.lower()}_{len(self.nodes)}", attributes))
        return self.nodes[-1].output

    def constant(self, array: npt.ArrayLike) -> str:
        """Add a constant; returns its name."""
        self.constants.append(np.ascontiguousarray(array))
        return f"constant_{len(self.constants) - 1}"

    def cut(self, x: str, axes: Sequence[int], crops: Sequence[tuple[int, int]]) -> str:
        """Leave out so many elements at the beginning and at the end of some axes."""
        kept = [(axis, crop) for axis, crop in zip(axes, crops, strict=True) if any(crop)]
        if not kept:
            return x
        starts = np.array([first for _, (first, _) in kept], np.int64)
        ends = np.array([-last if last else REST for _, (_, last) in kept], np.int64)
        which = np.array([axis for axis, _ in kept], np.int64)
        return self.add("Slice", x, *map(self.constant, (starts, ends, which)))

    def extent(self, x: str) -> str:
        """Rows and columns of a map (batch, y, x, channel), as a constant would give them."""
        return self.cut(self.add("Shape", x), [0], [(1, 1)])

    def sums(self, x: str, *steps: tuple[str, int]) -> str:
        """Do sums with a number after the other: ``("Add", 3), ("Div", 2)``."""
        for kind, number in steps:
            x = self.add(kind, x, self.constant(np.int64(number)))
        return x

    def part(self, x: str, first: str, size: str) -> str:
        """Rows and columns from the first on, so many of them; both by name."""
        rows_and_columns = self.constant(np.array([1, 2], np.int64))
        return self.add("Slice", x, first, self.add("Add", first, size), rows_and_columns)

    def channels_first(self, x: str, rank: int, kind: str, *more: str, **attributes: Any) -> str:
        """Add a node that wants (batch, channel, ...) where maps are (batch, ..., channel)."""
        first = self.add("Transpose", x, perm=[0, rank - 1, *range(1, rank - 1)])
        done = self.add(kind, first, *more, **attributes)
        return self.add("Transpose", done, perm=[0, *range(2, rank), 1])
