"""Count the steps of the main thread, to distinguish a hang from slow work.

A step is a repeated unit of work: a batch, a scored block, a square. Other work (reading data,
compiling a network, fitting a whole forest) is announced and does not count as a slow step.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from fibsem.system.interrupts import interruption_point

#: Factor that a step may be slower than the slowest before, and a further one for other work.
SLOWER, APART = 20, 10


@dataclass(frozen=True)
class Pulse:
    """Steps so far, the slowest of them in seconds, and whether the current work is not a step."""

    steps: int = 0
    slowest_s: float = 0.0
    apart: bool = True

    def patience_s(self, least_s: float) -> float:
        """Return the seconds without a step after which the main thread counts as hanging."""
        return max(least_s, SLOWER * self.slowest_s) * (APART if self.apart else 1)


_pulse = Pulse()
_since = 0.0


def pulse() -> Pulse:
    """Return the current pulse of the main thread."""
    return _pulse


def follow(other: Pulse) -> None:
    """Adopt the pulse of a child process, for which this process only waits."""
    global _pulse
    _pulse = other


def begin() -> None:
    """Reset the count for another training."""
    follow(Pulse())


def apart() -> None:
    """Announce that the work until the next step is not a step itself."""
    follow(Pulse(_pulse.steps, _pulse.slowest_s, apart=True))


def step() -> None:
    """Count a finished step; a held-back interrupt may be raised here."""
    global _since
    now = time.monotonic()
    took = 0.0 if _pulse.apart else now - _since
    follow(Pulse(_pulse.steps + 1, max(_pulse.slowest_s, took), apart=False))
    _since = now
    interruption_point()
