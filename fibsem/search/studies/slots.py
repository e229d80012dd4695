"""The budget of a sweep as numbered slots, whatever library keeps the study.

A slot is a place for one complete or pruned trial. It is tried until it has one: an attempt that
was killed, or failed, is followed by another with the same hyperparameters, up to a cap; then the
slot is given up and a further one is opened. Which slot is open follows from the attempts alone,
so that any process on any machine can go on.

An attempt belongs to the one process that claimed it, and ends once: whoever ends it, all that its
process says later is refused. So two processes never write for one attempt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict

from fibsem.search.space.space import Values
from fibsem.search.studies.owner import Beat
from fibsem.training.results import Epoch

if TYPE_CHECKING:
    from fibsem.search.studies.outcomes import Outcome

State = Literal["waiting", "running", "complete", "pruned", "failed", "stopped"]
#: States that fill a slot, or will.
ALIVE = ("waiting", "running", "complete", "pruned")
#: Why an attempt ended without a result. By its ``own`` fault: it counts, and the next one starts
#: from another seed. Its process was ``ended`` while it was watched, or ``killed`` with whoever
#: watched it: it counts, but the next one goes on from its checkpoint. It was ``let_go`` by the
#: user or by the environment: the next one goes on, and nothing counts.
Cause = Literal["own", "ended", "killed", "let_go"]


@dataclass(frozen=True)
class Attempt:
    """One attempt at one slot, as every backend stores it.

    Attributes
    ----------
    number
        Of the trial in the study.
    slot, attempt
        Place in the budget, and how many attempts there were before.
    strikes
        Attempts before this one that count against the cap; being stopped by the user does not.
    failures
        Attempts before this one that failed by themselves; each starts from another seed.
    state
        What became of it; ``stopped`` if it was let go.
    values
        Hyperparameters by dotted key; empty while nothing is drawn.
    final
        A failed attempt that another one would only repeat.
    duplicate
        Opened twice at once by two processes; the one with the lower number counts.
    cause
        Why it ended without a result.
    continues
        Number of an attempt at another slot whose training this one goes on with.
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
    def place(self) -> str:
        """Name of its folder; no two attempts have one."""
        return f"{self.slot:04d}" + (f"-{self.attempt}" if self.attempt else "")


@dataclass(frozen=True)
class Opening:
    """A slot, or a further attempt at one, that has to be opened."""

    slot: int
    attempt: int
    strikes: int
    failures: int
    values: Values | None


def to_open(attempts: Iterable[Attempt], needed: int, retries: int) -> Iterator[Opening]:
    """What has to be opened so that so many slots can be filled: new ones, and lost attempts.

    An attempt is lost where a process failed it and died before it opened the next one.
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
    """Slots that a budget takes: one for each trial, and one for each slot that was given up."""
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
    """The latest of the attempts at one slot."""
    return max(tried, key=lambda attempt: attempt.attempt)


def next_attempt(failed: Attempt, retries: int) -> Opening | None:
    """The attempt that follows a failed one; None where the slot is given up.

    ``strikes`` and ``failures`` of a failed attempt already count itself.
    """
    if failed.final or failed.strikes > retries:
        return None
    return Opening(
        failed.slot, failed.attempt + 1, failed.strikes, failed.failures, failed.values or None
    )


@dataclass(frozen=True)
class End:
    """What is stored of an attempt that ended without a result.

    Attributes
    ----------
    strikes, failures
        Those of the attempt, with itself: failures are of its own training.
    final
        Whether there is no other attempt at its slot.
    cause
        Who ended it.
    """

    strikes: int
    failures: int
    final: bool
    cause: Cause

    @classmethod
    def of(cls, attempt: Attempt, cause: Cause, final: bool) -> End:
        """The end of an attempt; one that was let go has no strike for it."""
        strikes = attempt.strikes + (cause != "let_go")
        return cls(strikes, attempt.failures + (cause == "own"), final, cause)


def predecessors(attempt: Attempt, attempts: Iterable[Attempt]) -> list[Attempt]:
    """Attempts whose training one goes on with, the latest first: of its slot and its seed."""
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
    """Whether two processes opened one attempt at once; the lower number counts."""
    place = (attempt.slot, attempt.attempt)
    return any(
        (other.slot, other.attempt) == place and other.number < attempt.number
        for other in attempts
        if not other.duplicate
    )


class TrialRecord(TypedDict, total=False):
    """What a study keeps of a training, as a storage has it; of one that was not finished less.

    Those of :class:`~fibsem.training.results.TrialResult` by its names; ``beyond``, by how much it
    is beyond each bound of ``search.constraints``, and the ``reason`` that follows.
    """

    run_id: str | None
    val: dict[str, float]
    val_all: dict[str, float] | None
    cost: dict[str, Any] | None
    epochs: int
    train_seconds: float
    parameters: int
    restart: int | None
    beyond: dict[str, float]
    reason: str


class Study(Protocol):
    """What a search backend does for a sweep.

    What is reported of an attempt that another process has ended raises
    :class:`fibsem.errors.LostError`; a storage that does not answer,
    :class:`fibsem.errors.OutageError`.
    """

    name: str

    def open_slots(self) -> None:
        """Open what :func:`to_open` says."""

    def claim(self) -> Attempt | None:
        """Take an open attempt, atomically, with its hyperparameters; None where there is none."""

    def report(self, attempt: Attempt, epoch: Epoch) -> bool:
        """Tell how an unfinished training does; whether the trial should be pruned."""

    def beat(self, attempt: Attempt, beat: Beat) -> None:
        """Say that the process of an attempt is alive, and how far it has come."""

    def complete(self, attempt: Attempt, objectives: list[float], record: TrialRecord) -> None:
        """Fill the slot of an attempt with its values."""

    def prune(self, attempt: Attempt, record: TrialRecord) -> None:
        """Fill the slot with a trial that was not worth finishing."""

    def diverge(self, attempt: Attempt, reason: str, record: TrialRecord) -> None:
        """Tell the sampler that these hyperparameters came to no result; that is news of them."""

    def fail(self, attempt: Attempt, reason: str, cause: Cause, *, final: bool = False) -> bool:
        """End an attempt with a reason; whether there will be another one."""

    def recover(self) -> list[tuple[Attempt, str]]:
        """End attempts whose process is gone; which, and why."""

    def attempts(self) -> list[Attempt]:
        """Every attempt in the study."""

    def outcomes(self) -> list[Outcome]:
        """What came of every attempt."""

    def get(self, key: str) -> Any:
        """A property of the study, or None."""

    def set(self, key: str, value: Any) -> None:
        """Set a property of the study."""

    def elect(self) -> bool:
        """Whether this process is the one that opens the parent run; True for one process only."""

    def close(self) -> None:
        """Let connections to the storage go."""


def filled(attempts: Iterable[Attempt | Outcome]) -> int:
    """Slots with a complete or pruned trial."""
    return len({a.slot for a in attempts if a.state in ("complete", "pruned")})
