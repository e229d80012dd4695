"""Build an ONNX graph node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: End of a slice that reaches to the end of an axis.
REST = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Node:
    """An operator of ONNX, with the names of its inputs and outputs."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]


class Graph:
    """Nodes and constants of a graph under construction; values are referred to by name."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: list[npt.NDArray[Any]] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        self.nodes.append(Node(kind, inputs, f"{kind.lower()}_{len(self.nodes)}", attributes))
        return self.nodes[-1].output

    def constant(self, array: npt.ArrayLike) -> str:
        """Add a constant and return its name."""
        self.constants.append(np.ascontiguousarray(array))
        return f"constant_{len(self.constants) - 1}"

    def cut(self, x: str, axes: Sequence[int], crops: Sequence[tuple[int, int]]) -> str:
        """Crop elements at the beginning and at the end of some axes."""
        cropped = [(axis, crop) for axis, crop in zip(axes, crops, strict=True) if any(crop)]
        if not cropped:
            return x
        starts = np.array([first for _, (first, _) in cropped], np.int64)
        ends = np.array([-last if last else REST for _, (_, last) in cropped], np.int64)
        numbers = np.array([axis for axis, _ in cropped], np.int64)
        return self.add("Slice", x, *map(self.constant, (starts, ends, numbers)))

    def extent(self, x: str) -> str:
        """Add nodes for the rows and columns of a map (batch, y, x, channel), as one array."""
        return self.cut(self.add("Shape", x), [0], [(1, 1)])

    def sums(self, x: str, *steps: tuple[str, int]) -> str:
        """Apply arithmetic operators with constants in turn: ``("Add", 3), ("Div", 2)``."""
        for kind, number in steps:
            x = self.add(kind, x, self.constant(np.int64(number)))
        return x

    def crop(self, x: str, first: str, size: str) -> str:
        """Cut rows and columns out of a map; ``first`` and ``size`` are names of values."""
        rows_and_columns = self.constant(np.array([1, 2], np.int64))
        return self.add("Slice", x, first, self.add("Add", first, size), rows_and_columns)

    def channels_first(self, x: str, rank: int, kind: str, *more: str, **attributes: Any) -> str:
        """Add a node for (batch, channel, ...) arrays, between transpositions of the map's axes."""
        first = self.add("Transpose", x, perm=[0, rank - 1, *range(1, rank - 1)])
        done = self.add(kind, first, *more, **attributes)
        return self.add("Transpose", done, perm=[0, *range(2, rank), 1])
