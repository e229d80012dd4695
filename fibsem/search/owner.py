"""Who runs a trial, and whether it still lives: by process on this machine, else by heartbeat."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import psutil


def me() -> str:
    """Host, process and its start: a process number alone is used again."""
    process = psutil.Process()
    return json.dumps([socket.gethostname(), boot_id(), process.pid, process.create_time()])


def boot_id() -> str:
    """What tells machines and containers with one name from each other."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return str(psutil.boot_time())


def here(owner: str) -> bool:
    """Whether an owner runs on this machine, in this container."""
    host, boot, _, _ = json.loads(owner)
    return (host, boot) == (socket.gethostname(), boot_id())


def alive_here(owner: str) -> bool:
    """Whether an owner on this machine still exists."""
    _, _, pid, created = json.loads(owner)
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 1 and process.status() != "zombie"
    except psutil.NoSuchProcess:
        return False


class Watch:
    """Tells processes on other machines that stopped beating, by the clock of the observer.

    Clocks of machines differ; what counts is how long *we* have seen a beat not change.
    """

    def __init__(self, grace_s: float) -> None:
        self.grace_s = grace_s
        self._seen: dict[int, tuple[object, float]] = {}

    def stale(self, number: int, beat: object) -> bool:
        """Whether the beat of a trial has not changed for the time of grace."""
        now = time.monotonic()
        known = self._seen.get(number)
        if known is None or known[0] != beat:
            self._seen[number] = (beat, now)
            return False
        return now - known[1] > self.grace_s


class Heart:
    """Calls a function every few seconds from a thread.

    Parameters
    ----------
    beat
        What is called; errors in it are left for the next time, since a database may be away.
    every_s
        Seconds between two calls.
    """

    def __init__(self, beat: Callable[[], None], every_s: float) -> None:
        self._beat, self._every = beat, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self._beat()
            except Exception as error:  # the training goes on; a second miss is seen by others
                print(f"heartbeat missed: {type(error).__name__}")

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
