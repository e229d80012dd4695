"""Successive halving: many short trainings, the best of which continue from checkpoints.

The slots of a sweep are numbered rung by rung. A training of the first rung stops after the epochs
of that rung; the next rung has a slot for each of the best trainings, which continue from their
checkpoints (Jamieson and Talwalkar, 2016). So the number of steps is known in advance, and no step
is trained twice. A failed training is not replaced, unless the sweep would end without a model.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from fibsem.search.studies.slots import Attempt, last_of, next_attempt
from fibsem.training.planning.stages import stages_of


@dataclass(frozen=True)
class Rung:
    """``count`` slots, beginning with ``first``, whose trainings stop after ``epochs``."""

    first: int
    count: int
    epochs: int


def read_rungs(numbers: Sequence[Sequence[int]]) -> tuple[Rung, ...]:
    """Make rungs from their numbers of trials and epochs.

    >>> read_rungs([[9, 2], [3, 6]])
    (Rung(first=0, count=9, epochs=2), Rung(first=9, count=3, epochs=6))
    """
    firsts = accumulate((count for count, _ in numbers), initial=0)
    return tuple(Rung(first, *rung) for first, rung in zip(firsts, numbers, strict=False))


def epochs_at(rungs: Sequence[Rung], slot: int) -> int | None:
    """Return the epochs after which a slot's training stops, or None if it trains to the end."""
    for rung in rungs[:-1]:
        if rung.first <= slot < rung.first + rung.count:
            return rung.epochs
    return None


def epochs_in(numbers: Sequence[Sequence[int]], trials: int) -> float:
    """Return the epochs of the first ``trials`` slots; without rungs, one unit for each slot.

    >>> epochs_in([[9, 2], [3, 6], [1, 18]], 10), epochs_in([], 10)
    (22.0, 10.0)
    """
    if not numbers:
        return float(trials)
    epochs = [stage.epochs for stage in stages_of(numbers) for _ in range(stage.count)]
    return float(sum(epochs[:trials]))


def continued(
    rungs: Sequence[Rung], slot: int, attempts: Sequence[Attempt], costs: Mapping[int, float]
) -> Attempt | None:
    """Return the attempt whose training a slot continues, or None if it starts from scratch.

    Slots after the last rung also belong to it: they are opened as long as it has no result.

    Parameters
    ----------
    rungs, slot
        The slot, of any rung.
    attempts
        All attempts of the study.
    costs
        Values of the objective as costs (smaller is better), by the number of the attempt.

    Raises
    ------
    NotYetError
        If the previous rung is not finished.
    NobodyError
        If no training is left to continue, and another slot of the rung has a result, or may get
        one.
    """
    here = max(k for k, rung in enumerate(rungs) if rung.first <= slot)
    if here == 0:
        return None
    candidates, rank = _ranked(rungs, here - 1, attempts, costs), slot - rungs[here].first
    if rank < len(candidates):
        return candidates[rank]
    others = [a for a in _attempts_at(rungs, here, attempts) if a.slot != slot]
    untried = set(range(rungs[here].first, slot)) - {a.slot for a in others}
    if untried or any(a.number in costs or a.state in ("waiting", "running") for a in others):
        raise NobodyError
    return None


def slots_of(rungs: Sequence[Rung], attempts: Iterable[Attempt], retries: int) -> int:
    """Count the slots of a successive halving: all rungs, and more while the last has no result.

    A slot that was given up in an earlier rung is not replaced.
    """
    first, total = rungs[-1].first, rungs[-1].first + rungs[-1].count
    tried: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        if not attempt.duplicate:
            tried[attempt.slot].append(attempt)

    def hopeless(slot: int) -> bool:
        states = {attempt.state for attempt in tried[slot]}
        if not states or states & {"waiting", "running", "complete"}:
            return False
        return "pruned" in states or next_attempt(last_of(tried[slot]), retries) is None

    while all(map(hopeless, range(first, total))):
        total += 1
    return total


def left_behind(rungs: Sequence[Rung], attempts: Sequence[Attempt]) -> set[int]:
    """Return the numbers of finished attempts that no slot will continue."""
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


class NobodyError(Exception):
    """The previous rung has left fewer trainings than there are slots."""


def _attempts_at(rungs: Sequence[Rung], k: int, attempts: Iterable[Attempt]) -> list[Attempt]:
    """Return the attempts at the slots of a rung; the last rung includes all slots after it."""
    end = rungs[k + 1].first if k + 1 < len(rungs) else math.inf
    return [a for a in attempts if rungs[k].first <= a.slot < end and not a.duplicate]


def _ranked(
    rungs: Sequence[Rung], k: int, attempts: Sequence[Attempt], costs: Mapping[int, float]
) -> list[Attempt]:
    """Return trainings of a finished rung that the next rung may continue, best first.

    Slots that were given up, or for which no training was left, count as finished.
    """
    count, of_rung = rungs[k].count, _attempts_at(rungs, k, attempts)
    ended = [a for a in of_rung if a.state in ("complete", "pruned") and a.number in costs]
    if k and ended:
        count = min(count, len(_ranked(rungs, k - 1, attempts, costs)))
    wanted = set(range(rungs[k].first, rungs[k].first + count))
    unfinished = any(a.state in ("waiting", "running") for a in of_rung)
    if unfinished or not wanted <= {a.slot for a in of_rung}:
        raise NotYetError
    same_seed = [a for a in ended if not a.failures]
    return sorted(same_seed, key=lambda a: (costs[a.number], a.slot))
