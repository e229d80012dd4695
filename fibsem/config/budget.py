"""``budget=30min``: the time that a command may take, and what happens when it runs out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fibsem.config.reading import require

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """Time budget of a command.

    Attributes
    ----------
    seconds
        Time limit; None without a limit.
    strict
        ``budget_is=hard``: late work is cut off; otherwise the delay is only reported.
    plan
        File of an earlier plan to repeat, instead of making a new one.

    Examples
    --------
    >>> Budget(60.0).seconds
    60.0
    """

    seconds: float | None
    strict: bool = False
    plan: Path | None = None

    @property
    def planned(self) -> bool:
        """Whether the steps of a training are determined by a plan."""
        return self.seconds is not None or self.plan is not None


def parse_seconds(text: object) -> float:
    """Parse a duration with a unit into seconds; raise ``UserError`` for any other text.

    >>> parse_seconds("90s"), parse_seconds("30min"), parse_seconds("1.5h")
    (90.0, 1800.0, 5400.0)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h)\s*", str(text))
    seconds = float(match[1]) * UNITS[match[2]] if match else 0.0
    require("budget", text, seconds > 0, "a positive number with s, min or h, such as 30min")
    return seconds
