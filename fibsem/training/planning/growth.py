"""Step times of the networks of a search space, relative to the average, from their operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Growth:
    """Power law of step time against operations per step, measured on one machine.

    Attributes
    ----------
    power
        Exponent of the number of operations.
    factors
        Factor of the power law, by architecture.

    Examples
    --------
    >>> Growth(0.5, {"2dcnn": 1e-3}).times("2dcnn", 4e6)
    2.0
    """

    power: float
    factors: Mapping[str, float]

    def times(self, architecture: str, operations: float) -> float | None:
        """Return the ratio of step time to the average; None if no such architecture was timed."""
        factor = self.factors.get(architecture)
        return None if factor is None else factor * operations**self.power
