"""Errors of the expected porosity of small parts of squares, against their labels.

Errors of outlines extend over some pixels: parts of about that size vary most, and a square has
many of them.
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
    """Sums of labelled minus expected porosity over parts of squares.

    Attributes
    ----------
    count
        Number of parts with sides of :data:`PART` pixels in which every pixel is labelled.
    total, squared
        Sum of the errors, and sum of the squared errors.

    Examples
    --------
    >>> pores = np.zeros((32, 16), bool)
    >>> expected = np.repeat(np.float32([0.1, 0.3]), 256).reshape(32, 16)  # two parts of 16 x 16
    >>> errors = PartErrors.of(pores, expected, known=np.ones((32, 16), bool))
    >>> errors.count, round(errors.sd, 3)
    (2, 0.1)
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
        """Return the errors of one square.

        ``pores`` are the labelled pores, ``expected`` the probabilities of pore, and ``known`` the
        labelled pixels; all are (y, x).
        """
        errors = parts_of((pores - expected)[None], PART)
        of_known_parts = errors[parts_of(known[None], PART) == 1]
        return cls(
            of_known_parts.size, float(of_known_parts.sum()), float((of_known_parts**2).sum())
        )

    def __add__(self, other: PartErrors) -> PartErrors:
        return PartErrors(
            self.count + other.count, self.total + other.total, self.squared + other.squared
        )

    @property
    def sd(self) -> float | None:
        """Standard deviation of the errors, or None for fewer than two parts."""
        if self.count < 2:
            return None
        return float(np.sqrt(max(0.0, self.squared - self.total**2 / self.count) / self.count))

    @property
    def sums(self) -> tuple[int, float, float]:
        """``(count, total, squared)``, as written to JSON."""
        return self.count, self.total, self.squared

    @classmethod
    def from_json(cls, record: Sequence[float]) -> PartErrors:
        """Create the sums from what :attr:`sums` returned."""
        return cls(int(record[0]), *record[1:])


#: :class:`PartErrors` as written to JSON.
WrittenParts = Annotated[PartErrors, WrittenAs(tuple[int, Number, Number], PartErrors.from_json)]


def parts_of(values: npt.NDArray[Any], side: int) -> npt.NDArray[np.float64]:
    """Return means over square parts with ``side`` pixels, (k, y, x) to (k, rows, columns).

    Incomplete parts at the end are left out.
    """
    k, y, x = values.shape
    rows, columns = y // side, x // side
    tiled = values[:, : rows * side, : columns * side].reshape(k, rows, side, columns, side)
    means: npt.NDArray[np.float64] = tiled.mean((2, 4), dtype=np.float64)
    return means
