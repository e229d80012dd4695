"""Detect whether the process of an attempt is alive, on other machines by its heartbeat.

A process is identified by the boot of its machine, its namespace, its pid and the tick of its
start, none of which changes when the clock is set.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

from fibsem.errors import LostError
from fibsem.system.interrupts import forget, raise_soon
from fibsem.system.pulse import pulse
from fibsem.system.threads import start_beside

#: Seconds that a hanging main thread has to react before its process is ended.
LAST_S = 10.0
#: Seconds between two polls of an idle observer.
LOOK_S = 2.0
#: Fields of /proc/PID/stat after the name of the program: state, and tick of the start.
STATE, STARTED = 0, 19


@dataclass(frozen=True)
class Owner:
    """A process that has opened a study."""

    host: str
    boot: str
    pid: int
    started: int
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    def me(cls) -> Owner:
        """Return the current process as an owner, with a new token."""
        pid = os.getpid()
        started = _started(pid)
        assert started is not None
        return cls(socket.gethostname(), boot_id(), pid, started)

    @classmethod
    def read(cls, text: str | None) -> Owner | None:
        """Parse :meth:`text`; None for texts of earlier versions, which lack the machine."""
        record = json.loads(text) if text else None
        return cls(**record) if isinstance(record, dict) else None

    def text(self) -> str:
        """The text that is stored."""
        return json.dumps(asdict(self))

    @property
    def is_local(self) -> bool:
        """Whether the owner is on this machine, in this container."""
        return (self.host, self.boot) == (socket.gethostname(), boot_id())

    @property
    def alive(self) -> bool:
        """Whether the process of an owner on this machine exists, stopped or running."""
        return _started(self.pid) == self.started


def boot_id() -> str:
    """Return an id of this boot of the machine, which differs between machines of one name."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return str(psutil.boot_time())


def _started(pid: int) -> int | None:
    """Return when a process began, in ticks since boot, or None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[STATE] in "ZX" else int(fields[STARTED])
    except (ProcessLookupError, FileNotFoundError):
        if Path("/proc/self/stat").exists():
            return None
    try:  # a system without /proc: use the time of the start
        return int(1000 * psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


class Watch:
    """Measures how long a value has not changed, by the clock of the observer.

    Clocks of machines differ, so only time counts during which this observer has seen the value
    unchanged. At most ``most_s`` seconds between two looks count, since an observer that looks
    seldom, was stopped, or lost its database cannot know what happened in between.
    """

    def __init__(self, most_s: float) -> None:
        self.most_s = most_s
        self._beats: dict[int, tuple[object, float, float]] = {}

    def silence_s(self, number: int, value: object) -> float:
        """Return the seconds for which an attempt's value is known not to have changed."""
        now = time.monotonic()
        before, silence, looked = self._beats.get(number, (None, 0.0, now))
        silence = silence + min(now - looked, self.most_s) if before == value else 0.0
        self._beats[number] = (value, silence, now)
        return silence


@dataclass(frozen=True)
class Beat:
    """A heartbeat of a worker: a count, the steps of its training, and how long a step may take.

    A process without a heartbeat for more than ``patience_s`` seconds is stopped, or hangs.
    """

    count: int
    steps: int
    patience_s: float

    def text(self) -> str:
        """The text that is stored."""
        return json.dumps([self.count, self.steps, self.patience_s])

    @classmethod
    def read(cls, stored: object) -> Beat | None:
        """Parse :meth:`text`; None for the plain counts of earlier versions."""
        return cls(*json.loads(stored)) if isinstance(stored, str) else None


class Observer:
    """Finds running attempts whose process is gone.

    Parameters
    ----------
    me
        This process as an owner.
    grace_s
        Seconds without a heartbeat after which a worker on another machine is given up.
    beat_s
        Seconds between two heartbeats.
    """

    def __init__(self, me: Owner, grace_s: float, beat_s: float) -> None:
        self.me, self.grace_s = me, grace_s
        self._watch = Watch(max(beat_s, LOOK_S))

    def verdict(self, number: int, owner: str | None, beat: object) -> str | None:
        """Return why a running attempt that is not trained here must be given up, else None."""
        silence_s = self._watch.silence_s(number, beat)
        theirs = Owner.read(owner)
        if theirs is None or not theirs.is_local:
            # no owner yet: claimed a moment ago, or its process was killed in that moment
            return "killed" if silence_s > self.grace_s else None
        if not theirs.alive:
            return "killed"
        if theirs == self.me:
            return "never begun: the claim went through, its answer was lost"
        last = Beat.read(beat)
        patience_s = max(self.grace_s, last.patience_s if last else 0.0)
        return f"its process said nothing for {silence_s:.0f} s" if silence_s > patience_s else None


class Heart:
    """A thread that reports a training's heartbeat, and ends the training if it hangs.

    Parameters
    ----------
    beat
        Called to report. A :class:`LostError` is raised in the main thread; after other errors the
        next heartbeat tries again, since a database may be unavailable for a while.
    every_s
        Seconds between two reports.
    stall_s
        Minimum seconds without a step after which a training is given up.
    stalled
        Makes the error to raise in the main thread from a reason.
    abandon
        Called with the reason if the main thread does not react to the error.
    """

    def __init__(
        self,
        beat: Callable[[Beat], None],
        every_s: float,
        stall_s: float,
        stalled: Callable[[str], BaseException],
        abandon: Callable[[str], None],
    ) -> None:
        self._beat, self._every, self._stall_s = beat, every_s, stall_s
        self._stalled, self._abandon = stalled, abandon
        self._watch = Watch(2 * every_s)
        self._stop = threading.Event()
        self._raised: BaseException | None = None

    def _run(self) -> None:
        count = 0
        while not self._stop.wait(self._every):
            count += 1
            now = pulse()
            patience_s = now.patience_s(self._stall_s)
            silence_s = self._watch.silence_s(0, now)
            if silence_s > patience_s:
                reason = (
                    f"no step for {silence_s:.0f} s, the slowest before took {now.slowest_s:.1f} s"
                )
                self._raise(self._stalled(reason))
                if not self._stop.wait(LAST_S):
                    self._abandon(reason)
                return
            try:
                self._beat(Beat(count, now.steps, patience_s))
            except LostError as lost:
                self._raise(lost)
                return
            except Exception as error:  # the training continues; other workers notice
                print(f"heartbeat missed: {type(error).__name__}")

    def _raise(self, error: BaseException) -> None:
        if not self._stop.is_set():
            self._raised = error
            raise_soon(error)

    def __enter__(self) -> Heart:
        self._thread = start_beside(self._run)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(1.0)  # an unavailable database may block it for longer
        if self._raised is not None:
            forget(self._raised)
