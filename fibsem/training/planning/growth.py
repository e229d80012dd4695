"""How long steps of the networks of a space take against the average one, by their operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Growth:
    """Seconds of a step follow some power of its operations, on one machine.

    Attributes
    ----------
    power
        Of the operations of a step.
    factors
        By architecture, those to be multiplied with.

    Examples
    --------
    >>> Growth(0.5, {"2dcnn": 1e-3}).times("2dcnn", 4e6)
    2.0
    """

    power: float
    factors: Mapping[str, float]

    def times(self, architecture: str, operations: float) -> float | None:
        """Times the average that a step takes; None where none of its architecture was timed."""
        factor = self.factors.get(architecture)
        return None if factor is None else factor * operations**self.power
