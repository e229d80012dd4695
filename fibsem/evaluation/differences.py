"""Differences between two evaluations, as their comparison records them."""

from __future__ import annotations

from dataclasses import dataclass

from fibsem.analysis.statistics import Paired


@dataclass(frozen=True)
class Comparison:
    """Differences in test mIoU between two evaluations, the first minus the second.

    Attributes
    ----------
    squares, test_squares
        Paired difference over places, and the number of squares in them.
    seeds
        Paired difference over the seeds that both evaluations have.
    """

    first: str
    second: str
    squares: Paired
    test_squares: int
    seeds: Paired
