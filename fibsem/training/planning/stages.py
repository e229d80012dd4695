"""Rungs of a search as trainings one after the other: how many, of which epochs, from what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """Trainings that may run at once, and epochs of each, which may go on from others."""

    count: int
    epochs: int
    goes_on: bool = False

    def turns(self, workers: int) -> int:
        """Trainings that each of some workers does one after the other."""
        return -(-self.count // workers)


def stages_of(rungs: Iterable[Sequence[int]]) -> tuple[Stage, ...]:
    """What rungs of some trials and epochs train, one after the other.

    A rung of no more epochs than the one before begins another bracket, with new trainings.

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
