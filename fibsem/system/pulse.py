"""How far the main thread has come, in steps: by it a hang is told from work that takes long.

A step is whatever is done many times: a batch, a block that was scored, a square. What is no step
(reading data, the compilation of a network, a forest as a whole) is announced, and does not count
as a slow one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from fibsem.system.interrupts import interruption_point

#: A step may take so many times the slowest one before; what is no step, so many times as long.
SLOWER, APART = 20, 10


@dataclass(frozen=True)
class Pulse:
    """Steps so far, the slowest of them in seconds, and whether what is done now is no step."""

    steps: int = 0
    slowest_s: float = 0.0
    apart: bool = True

    def patience_s(self, least_s: float) -> float:
        """Seconds without a step after which the main thread is taken to hang."""
        return max(least_s, SLOWER * self.slowest_s) * (APART if self.apart else 1)


_pulse = Pulse()
_since = 0.0


def pulse() -> Pulse:
    """How far the main thread has come."""
    return _pulse


def follow(other: Pulse) -> None:
    """Take the pulse of a child process for ours, which only waits for it."""
    global _pulse
    _pulse = other


def begin() -> None:
    """Count from nothing: another training."""
    follow(Pulse())


def apart() -> None:
    """Say that what comes next, up to a step, is none itself."""
    follow(Pulse(_pulse.steps, _pulse.slowest_s, apart=True))


def step() -> None:
    """Say that a step was done, where the main thread may also be interrupted."""
    global _since
    now = time.monotonic()
    took = 0.0 if _pulse.apart else now - _since
    follow(Pulse(_pulse.steps + 1, max(_pulse.slowest_s, took), apart=False))
    _since = now
    interruption_point()
