"""Stages of a search: for each rung the number of trainings, their epochs and starting point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """Trainings that may run in parallel, each of ``epochs`` epochs.

    With ``goes_on`` they continue trainings of the previous stage.
    """

    count: int
    epochs: int
    goes_on: bool = False

    def turns(self, workers: int) -> int:
        """Return the number of trainings that each worker runs one after the other."""
        return -(-self.count // workers)


def stages_of(rungs: Iterable[Sequence[int]]) -> tuple[Stage, ...]:
    """Convert rungs of (trials, epochs) to stages.

    A rung with no more epochs than the previous one begins another bracket, with new trainings.

    Examples
    --------
    >>> [stage.epochs for stage in stages_of([(9, 2), (3, 6), (1, 18)])]
    [2, 4, 12]
    """
    rungs = tuple(rungs)
    before = [0, *(epochs for _, epochs in rungs)]
    return tuple(
        Stage(count, epochs - reached, True) if 0 < reached < epochs else Stage(count, epochs)
        for (count, epochs), reached in zip(rungs, before, strict=False)
    )
