"""The budget of a sweep as numbered slots, the same for Optuna and Keras-Tuner.

A slot is a number in the budget, for one complete or pruned trial. An attempt at a slot that was
killed, or failed, is followed by another attempt with the same hyperparameters, up to a number;
then the slot is given up and a further one is opened. Which slots are open follows from the
attempts alone, so that any process on any machine can continue.

An attempt belongs to the process that claimed it, its owner, and ends once. Another process may end
it if the owner seems dead; later reports of the owner are refused. So two processes never write for
one attempt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from fibsem.search.space.space import Values
from fibsem.search.studies.owner import Beat
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.training.results import Epoch

if TYPE_CHECKING:
    from fibsem.search.studies.outcomes import Outcome

State = Literal["waiting", "running", "complete", "pruned", "failed", "stopped"]
#: States of attempts that fill a slot, or may fill it.
ALIVE = ("waiting", "running", "complete", "pruned")
#: Why an attempt ended without a result. ``own``: the training failed; the next attempt begins with
#: another seed. ``ended``: its process died while another process watched it. ``killed``: it died
#: together with the process that watched it. After these two the next attempt continues from the
#: checkpoint. All three count against the number of attempts. ``let_go``: the user or the
#: environment stopped it; the next attempt continues from the checkpoint, and this one does not
#: count.
Cause = Literal["own", "ended", "killed", "let_go"]


@dataclass(frozen=True)
class Attempt:
    """One attempt at one slot, as every backend stores it.

    Attributes
    ----------
    number
        Number of the trial in the study.
    slot, attempt
        Slot in the budget, and number of earlier attempts at it.
    strikes
        Earlier attempts that count against ``search.retries``; attempts stopped by the user do
        not.
    failures
        Earlier attempts whose training failed; after each of them the seed changes.
    state
        State of the attempt; ``stopped`` if its cause is ``let_go``.
    values
        Hyperparameters by dotted key; empty until they are drawn.
    final
        Whether a further attempt would only repeat the failure.
    duplicate
        Whether two processes opened this attempt at once, and the other one, with the lower
        number, counts.
    cause
        Why it ended without a result.
    continues
        Number of an attempt at another slot whose training this one continues.
    """

    number: int
    slot: int
    attempt: int
    strikes: int
    failures: int
    state: State
    values: Values
    final: bool = False
    duplicate: bool = False
    cause: Cause | None = None
    continues: int | None = None

    @property
    def folder_name(self) -> str:
        """Name of the attempt's own folder."""
        return f"{self.slot:04d}" + (f"-{self.attempt}" if self.attempt else "")


@dataclass(frozen=True)
class Opening:
    """A new slot, or a further attempt at a slot, that has to be opened."""

    slot: int
    attempt: int
    strikes: int
    failures: int
    values: Values | None


def to_open(attempts: Iterable[Attempt], needed: int, retries: int) -> Iterator[Opening]:
    """Yield what must be opened to fill the needed slots: new slots, and lost attempts.

    An attempt is lost if a process ended the previous one and died before it opened the next.
    """
    by_slot = _by_slot(attempts)
    for slot in range(needed):
        tried = by_slot.get(slot)
        if not tried:
            yield Opening(slot, 0, 0, 0, None)
        elif not any(attempt.state in ALIVE for attempt in tried):
            following = next_attempt(last_of(tried), retries)
            if following is not None:
                yield following


def slots_needed(attempts: Iterable[Attempt], budget: int, retries: int) -> int:
    """Count the slots for a budget: one for each trial, and one for each slot given up."""
    by_slot, needed, slot = _by_slot(attempts), budget, 0
    while slot < needed:
        tried = by_slot.get(slot, [])
        if tried and not any(attempt.state in ALIVE for attempt in tried):
            needed += next_attempt(last_of(tried), retries) is None
        slot += 1
    return needed


def _by_slot(attempts: Iterable[Attempt]) -> dict[int, list[Attempt]]:
    by_slot: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        if not attempt.duplicate:
            by_slot[attempt.slot].append(attempt)
    return by_slot


def last_of(tried: Iterable[Attempt]) -> Attempt:
    """Return the latest of the attempts at one slot."""
    return max(tried, key=lambda attempt: attempt.attempt)


def next_attempt(failed: Attempt, retries: int) -> Opening | None:
    """Return the attempt that follows a failed one, or None if the slot is given up.

    ``strikes`` and ``failures`` of the failed attempt include itself.
    """
    if failed.final or failed.strikes > retries:
        return None
    return Opening(
        failed.slot, failed.attempt + 1, failed.strikes, failed.failures, failed.values or None
    )


@dataclass(frozen=True)
class End:
    """Stored end of an attempt that has no result.

    Attributes
    ----------
    strikes, failures
        Attempts that count, and failed trainings, both including this one.
    final
        Whether no further attempt at its slot follows.
    cause
        Why it ended.
    """

    strikes: int
    failures: int
    final: bool
    cause: Cause

    @classmethod
    def of(cls, attempt: Attempt, cause: Cause, final: bool) -> End:
        """Return the end of an attempt; ``let_go`` does not count as a strike."""
        strikes = attempt.strikes + (cause != "let_go")
        return cls(strikes, attempt.failures + (cause == "own"), final, cause)


def predecessors(attempt: Attempt, attempts: Iterable[Attempt]) -> list[Attempt]:
    """Return earlier attempts that this one continues: same slot and seed, latest first."""
    same = [
        other
        for other in attempts
        if other.slot == attempt.slot
        and other.attempt < attempt.attempt
        and other.failures == attempt.failures
        and other.cause != "own"
        and not other.duplicate
    ]
    return sorted(same, key=lambda other: -other.attempt)


def opened_before(attempt: Attempt, attempts: Iterable[Attempt]) -> bool:
    """Whether another process opened the same attempt before, with a lower number."""
    numbers = (attempt.slot, attempt.attempt)
    return any(
        (other.slot, other.attempt) == numbers and other.number < attempt.number
        for other in attempts
        if not other.duplicate
    )


class Study(Protocol):
    """Interface of a search backend, Optuna or Keras-Tuner.

    Methods that report on an attempt raise :class:`fibsem.errors.LostError` if another process has
    ended it; all methods raise :class:`fibsem.errors.OutageError` if the storage does not answer.
    """

    name: str

    def open_slots(self) -> None:
        """Open the slots and attempts that :func:`to_open` names."""

    def claim(self) -> Attempt | None:
        """Claim an open attempt and draw its hyperparameters; None if no attempt is open."""

    def report(self, attempt: Attempt, epoch: Epoch) -> bool:
        """Report an epoch of a training; returns whether the trial should be pruned."""

    def beat(self, attempt: Attempt, beat: Beat) -> None:
        """Write a heartbeat for an attempt."""

    def complete(self, attempt: Attempt, objectives: list[float], record: TrialRecord) -> None:
        """End an attempt as a complete trial with its objectives."""

    def prune(self, attempt: Attempt, record: TrialRecord) -> None:
        """End an attempt as a pruned trial."""

    def diverge(self, attempt: Attempt, reason: str, record: TrialRecord) -> None:
        """End an attempt whose training diverged, so that samplers learn from it."""

    def fail(self, attempt: Attempt, reason: str, cause: Cause, *, final: bool = False) -> bool:
        """End a failed attempt; returns whether a further attempt follows."""

    def recover(self) -> list[tuple[Attempt, str]]:
        """End attempts whose process is gone; returns them, with the reasons."""

    def attempts(self) -> list[Attempt]:
        """Return every attempt in the study."""

    def left_behind(self, attempts: Sequence[Attempt]) -> set[int]:
        """Return the numbers of those finished attempts that no other training will continue."""

    def outcomes(self) -> list[Outcome]:
        """Return the outcome of every attempt, without duplicates."""

    def get(self, key: str) -> Any:
        """Return a property of the study, or None."""

    def set(self, key: str, value: Any) -> None:
        """Set a property of the study."""

    def elect(self) -> bool:
        """Whether this process creates the parent run; True in one process only."""

    def close(self) -> None:
        """Close connections to the storage."""


def filled(attempts: Iterable[Attempt | Outcome]) -> int:
    """Count the slots with a complete or pruned trial."""
    return len({a.slot for a in attempts if a.state in ("complete", "pruned")})
