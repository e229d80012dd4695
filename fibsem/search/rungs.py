"""Successive halving: many short trainings, of which the best go on from where they stopped.

The slots of a sweep are those of its rungs, one after the other. A training of the first rung stops
after its epochs; the next rung has a slot for each of the best, which goes on from the checkpoint
(Jamieson and Talwalkar, 2016). So the budget is known beforehand, and no step is trained twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from fibsem.search.slots import Attempt


@dataclass(frozen=True)
class Rung:
    """Slots ``first`` to ``first + count`` stop after ``epochs``."""

    first: int
    count: int
    epochs: int


def read_rungs(given: Sequence[Sequence[int]]) -> tuple[Rung, ...]:
    """Rungs from their numbers of trials and epochs.

    >>> read_rungs([[9, 2], [3, 6]])
    (Rung(first=0, count=9, epochs=2), Rung(first=9, count=3, epochs=6))
    """
    firsts = accumulate((count for count, _ in given), initial=0)
    return tuple(Rung(first, *rung) for first, rung in zip(firsts, given, strict=False))


def epochs_at(rungs: Sequence[Rung], slot: int) -> int | None:
    """After how many epochs the training of a slot stops; None where it does not."""
    for rung in rungs[:-1]:
        if rung.first <= slot < rung.first + rung.count:
            return rung.epochs
    return None


def heir(
    rungs: Sequence[Rung], slot: int, attempts: Sequence[Attempt], costs: Mapping[int, float]
) -> Attempt | None:
    """Whose training a slot goes on with; None where it begins its own.

    Parameters
    ----------
    rungs, slot
        The slot, of any rung.
    attempts
        All that there are.
    costs
        Of attempts that came to a figure of the sweep's objective, by number: small ones are good.

    Raises
    ------
    NotYetError
        While the rung before is not finished.
    """
    for before, rung in pairwise(rungs):
        if rung.first <= slot < rung.first + rung.count:
            candidates = _finished(before, attempts)
            candidates = [a for a in candidates if a.number in costs and not a.failures]
            candidates.sort(key=lambda a: (costs[a.number], a.slot))
            place = slot - rung.first
            return candidates[place] if place < len(candidates) else None
    return None


def left_behind(rungs: Sequence[Rung], attempts: Sequence[Attempt]) -> set[int]:
    """Numbers of the attempts that are over, and that nobody will go on with."""
    ended = [a for a in attempts if a.state in ("complete", "pruned")]
    full = {a.slot for a in ended if not a.duplicate}
    waited_for = {
        slot
        for rung, after in pairwise(rungs)
        if not full.issuperset(range(after.first, after.first + after.count))
        for slot in range(rung.first, rung.first + rung.count)
    }
    return {a.number for a in ended if a.slot not in waited_for}


class NotYetError(Exception):
    """A rung is not finished."""


def _finished(rung: Rung, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Attempts that fill the slots of a rung; a slot that was given up counts as filled."""
    slots = range(rung.first, rung.first + rung.count)
    of_rung = [a for a in attempts if a.slot in slots and not a.duplicate]
    filled = [a for a in of_rung if a.state in ("complete", "pruned")]
    open_still = {a.slot for a in of_rung if a.state in ("waiting", "running")}
    if open_still or {a.slot for a in of_rung} != set(slots):
        raise NotYetError
    return filled
