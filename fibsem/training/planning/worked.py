"""Time that a command has worked on a folder, summed over all of its starts.

A killed process cannot record when it ended. A thread therefore writes the working time of each
start to a file every few seconds, and the time between a kill and the next start is not counted.
Concurrent starts, such as those of a sweep on several machines, count once.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from fibsem.errors import UserError
from fibsem.system.files import known_json, remove_own, write_json
from fibsem.system.identity import Identity
from fibsem.system.records import typed
from fibsem.system.threads import start_beside
from fibsem.training.planning.plan_file import FILE as PLAN

#: Folder of the notes within that of the results, and the seconds between two notes.
FOLDER, EVERY_S = "worked", 2.0
#: A start that is refused within these seconds has done no work.
REFUSED_S = 30.0
#: File with the time used when the command finished; reading the results later is not work.
FINISHED = "finished.json"


@dataclass(frozen=True)
class StartedAt:
    """Unix time at which a start began, and the seconds it has worked."""

    began: float
    seconds: float


@dataclass(frozen=True)
class _WorkedSeconds:
    """The ``seconds`` of a ``summary.json``."""

    seconds: float | None = None


@dataclass(frozen=True)
class Used:
    """Seconds that a command had used when it finished."""

    used_s: float


class Worked:
    """Working time of all starts of one command, including the current one.

    Parameters
    ----------
    folder
        Folder of the notes.
    began
        When this start began, by ``time.perf_counter``.
    """

    def __init__(self, folder: Path, began: float) -> None:
        self.folder, self._began = folder, began
        self._at = time.time() - (time.perf_counter() - began)
        self._file = folder / f"{self._at:.3f}-{os.getpid()}.json"
        self._counts = True

    @property
    def seconds(self) -> float:
        """Seconds worked so far by all starts."""
        return union((*self._others(), self._interval()))

    @property
    def here_s(self) -> float:
        """Seconds since this start began."""
        return time.perf_counter() - self._began

    def seconds_with(self, summary: Path, *, worked: bool) -> float:
        """Return the seconds that a result took, without starts that only read it.

        The note of this start ends here, so that a later start that reads the result, and adds up
        the notes, finds the same seconds.

        Parameters
        ----------
        summary
            Summary file of an earlier start. Earlier versions stored the time of the last start.
        worked
            Whether this start has done any work; if not, it is no longer counted.
        """
        former = known_json(summary, partial(typed, _WorkedSeconds)) if summary.is_file() else None
        former_s = (former.seconds if former else None) or 0.0
        if worked:
            interval = self.note()
            self._counts = False
            return max(former_s, union((*self._others(), interval)))
        self.only_look()
        return max(former_s, union(self._others()))

    def only_look(self) -> None:
        """Stop counting this start, because the results it found were finished."""
        self._counts = False
        self.forget()

    @property
    def began(self) -> float:
        """When the command would have begun without interruptions, by ``time.perf_counter``."""
        return time.perf_counter() - self.seconds

    def finish(self) -> float:
        """Record and return the seconds used; if recorded before, return the first record."""
        path = self.folder / FINISHED
        used = known_json(path, partial(typed, Used))
        if used is None:
            used = Used(self.seconds)
            write_json(path, asdict(used))
        return used.used_s

    def note(self) -> tuple[float, float]:
        """Write the working time of this start to its file, and return its first and last time."""
        first, last = self._interval()
        if self._counts:
            write_json(self._file, asdict(StartedAt(first, last - first)))
        return first, last

    def forget(self) -> None:
        """Delete the note of this start, so that it is no longer counted."""
        self._file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the folder may hold other notes
            self.folder.rmdir()

    def _interval(self) -> tuple[float, float]:
        return self._at, self._at + time.perf_counter() - self._began

    def _others(self) -> Iterator[tuple[float, float]]:
        for path in self.folder.glob("*-*.json"):
            start = known_json(path, partial(typed, StartedAt))
            if start is not None and path != self._file:
                yield start.began, start.began + start.seconds


@contextmanager
def worked_on(results: Path, began: float, *, budgeted: bool, anew: bool) -> Iterator[Worked]:
    """Record how long a command works on a folder.

    Parameters
    ----------
    results
        Folder of the results.
    began
        When this start began, by ``time.perf_counter``.
    budgeted
        Whether the command has a budget, whose use begins with the plan.
    anew
        Whether to forget earlier starts.
    """
    if anew:
        remove_own(results, [f"{FOLDER}/*.json", FOLDER])
    worked = Worked(results / FOLDER, began)
    try:
        with _noted(worked):
            yield worked
    except UserError:
        begun = (results / PLAN).is_file() if budgeted else Identity.beside(results) is not None
        if not begun or worked.here_s < REFUSED_S:  # no work was done
            worked.forget()
        raise


@contextmanager
def _noted(worked: Worked) -> Iterator[None]:
    """Write a note every few seconds in a background thread."""
    ended = threading.Event()
    worked.note()

    def keep() -> None:
        while not ended.wait(EVERY_S):
            with contextlib.suppress(OSError, UserError):  # a full disk must not end the command
                worked.note()

    thread = start_beside(keep)
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with contextlib.suppress(OSError, UserError):
            worked.note()


def union(spans: Iterable[tuple[float, float]]) -> float:
    """Return the total length covered by spans (first, last), which may overlap.

    >>> union([(0, 2), (1, 4), (7, 8)])
    5.0
    """
    length, reached = 0.0, -math.inf
    for first, last in sorted(spans):
        length += max(0.0, last - max(first, reached))
        reached = max(reached, last)
    return length
