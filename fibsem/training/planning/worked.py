"""How long a command has worked on a folder, all of its starts together.

What a kill ends cannot say when. So a thread notes the time of a start every few seconds, in a file
of its own; between a kill and the next start nobody works, and nothing is counted. Starts that work
beside one another, as those of a sweep on several machines, count once.
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
from fibsem.training.planning.planned import FILE as PLAN

#: Where it is noted, in the folder of the results; every so many seconds.
FOLDER, EVERY_S = "worked", 2.0
#: Seconds within which a start that is refused has done no work.
REFUSED_S = 30.0
#: What a command had used when it came to its end: later looks at its results are no work.
FINISHED = "finished.json"


@dataclass(frozen=True)
class StartedAt:
    """When a start began, since 1970, and for how long it has worked."""

    began: float
    seconds: float


@dataclass(frozen=True)
class _Took:
    """What a summary tells of its time."""

    seconds: float | None = None


@dataclass(frozen=True)
class Used:
    """What a command had used when it came to its end."""

    used_s: float


class Worked:
    """Time of the starts of one command, this one among them.

    Parameters
    ----------
    folder
        Of the notes.
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
        """Seconds worked so far, by all starts."""
        return union((*self._others(), self._own()))

    @property
    def here_s(self) -> float:
        """Seconds of this start."""
        return time.perf_counter() - self._began

    def seconds_with(self, summary: Path, *, worked: bool) -> float:
        """Seconds of a result: by all starts, but for one that had only to look at it.

        Parameters
        ----------
        summary
            That of an earlier start; one of a version before tells what its last start took.
        worked
            Whether this start has done something.
        """
        former = known_json(summary, partial(typed, _Took)) if summary.is_file() else None
        former_s = (former.seconds if former else None) or 0.0
        if worked:
            return max(former_s, self.seconds)
        self.only_look()
        return max(former_s, union(self._others()))

    def only_look(self) -> None:
        """Count this start no more from now on: what it found was finished."""
        self._counts = False
        self.forget()

    @property
    def began(self) -> float:
        """When the command had begun, by ``time.perf_counter``, if nobody had interrupted it."""
        return time.perf_counter() - self.seconds

    def finish(self) -> float:
        """Seconds that the command took; those of its first end where it had come to one."""
        path = self.folder / FINISHED
        used = known_json(path, partial(typed, Used))
        if used is None:
            used = Used(self.seconds)
            write_json(path, asdict(used))
        return used.used_s

    def note(self) -> None:
        """Write down how long this start has worked."""
        if not self._counts:
            return
        at, seconds = self._own()
        write_json(self._file, asdict(StartedAt(at, seconds - at)))

    def forget(self) -> None:
        """Count this start no more, once it has ended."""
        self._file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are noted there, too
            self.folder.rmdir()

    def _own(self) -> tuple[float, float]:
        return self._at, self._at + time.perf_counter() - self._began

    def _others(self) -> Iterator[tuple[float, float]]:
        for path in self.folder.glob("*-*.json"):
            start = known_json(path, partial(typed, StartedAt))
            if start is not None and path != self._file:
                yield start.began, start.began + start.seconds


@contextmanager
def worked_on(results: Path, began: float, *, budgeted: bool, anew: bool) -> Iterator[Worked]:
    """Note how long a command works on a folder.

    Parameters
    ----------
    results
        The folder.
    began
        When this start began, by ``time.perf_counter``.
    budgeted
        Whether it has a budget, of which nothing is used as long as there is no plan.
    anew
        Whether the starts before are forgotten.
    """
    if anew:
        remove_own(results, [f"{FOLDER}/*.json", FOLDER])
    worked = Worked(results / FOLDER, began)
    try:
        with _noted(worked):
            yield worked
    except UserError:
        begun = (results / PLAN).is_file() if budgeted else Identity.beside(results) is not None
        if not begun or worked.here_s < REFUSED_S:  # so no work was done
            worked.forget()
        raise


@contextmanager
def _noted(worked: Worked) -> Iterator[None]:
    """Note every few seconds how long it has taken."""
    ended = threading.Event()
    worked.note()

    def keep() -> None:
        while not ended.wait(EVERY_S):
            with contextlib.suppress(OSError, UserError):  # a full disk ends nothing here
                worked.note()

    thread = start_beside(keep)
    try:
        yield
    finally:
        ended.set()
        thread.join()


def union(spans: Iterable[tuple[float, float]]) -> float:
    """Length of what some spans cover.

    >>> union([(0, 2), (1, 4), (7, 8)])
    5.0
    """
    length, reached = 0.0, -math.inf
    for first, last in sorted(spans):
        length += max(0.0, last - max(first, reached))
        reached = max(reached, last)
    return length
