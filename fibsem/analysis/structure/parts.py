"""How far the labelled porosity of small parts lies from what probabilities say of them.

Outlines go astray over some pixels: parts of that size vary most, and a square has many of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from fibsem.system.records import Number, WrittenAs

#: Side of a part, pixels.
PART = 16


@dataclass(frozen=True)
class PartErrors:
    """Labelled less expected porosity over parts of squares, added up.

    Attributes
    ----------
    count
        Parts of :data:`PART` pixels of which every pixel is labelled.
    total, squared
        Sums of the errors, and of their squares.
    """

    count: int = 0
    total: float = 0.0
    squared: float = 0.0

    @classmethod
    def of(
        cls,
        pores: npt.NDArray[np.bool_],
        expected: npt.NDArray[np.float32],
        known: npt.NDArray[np.bool_],
    ) -> PartErrors:
        """Errors of a square: labelled pores, probability of pore, what is labelled; all (y, x)."""
        errors = parts_of((pores - expected)[None], PART)
        whole = errors[parts_of(known[None], PART) == 1]
        return cls(whole.size, float(whole.sum()), float((whole**2).sum()))

    def __add__(self, other: PartErrors) -> PartErrors:
        return PartErrors(
            self.count + other.count, self.total + other.total, self.squared + other.squared
        )

    @property
    def sd(self) -> float | None:
        """S.d. around their mean; None of fewer than two parts."""
        if self.count < 2:
            return None
        return float(np.sqrt(max(0.0, self.squared - self.total**2 / self.count) / self.count))

    @property
    def sums(self) -> tuple[int, float, float]:
        """The three of them, as they are written."""
        return self.count, self.total, self.squared

    @classmethod
    def from_json(cls, record: Sequence[float]) -> PartErrors:
        return cls(int(record[0]), *record[1:])


#: Some as they are written.
WrittenParts = Annotated[PartErrors, WrittenAs(tuple[int, Number, Number], PartErrors.from_json)]


def parts_of(values: npt.NDArray[Any], side: int) -> npt.NDArray[np.float64]:
    """Means of (k, y, x) over parts of so many pixels, (k, rows, columns); the rest is left out."""
    k, y, x = values.shape
    rows, columns = y // side, x // side
    tiled = values[:, : rows * side, : columns * side].reshape(k, rows, side, columns, side)
    means: npt.NDArray[np.float64] = tiled.mean((2, 4), dtype=np.float64)
    return means
