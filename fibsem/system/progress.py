"""Progress display with time left, for work that takes more than ten seconds."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

#: Seconds between two lines where the output is not a terminal (a log file, a cluster job).
LINE_EVERY = 30.0


class Progress:
    """Progress bar on a terminal, or a line every 30 s in a log; called with (text, done, total).

    Parameters
    ----------
    title
        Name of the work, shown before the text.
    most_s
        Seconds after which the work ends, even if items are left.
    amount
        Cumulative amount of work of the first n items, if some take longer than others.
    """

    def __init__(
        self, title: str, most_s: float = math.inf, amount: Callable[[int], float] = float
    ) -> None:
        self.title, self._amount = title, amount
        self._last = time.monotonic()
        self._until = self._last + most_s
        self._began = self._last, 0  # when the stage began, and how much was done by then
        self._reached: tuple[int, int] | None = None
        self._bar: RichProgress | None = None
        if sys.stderr.isatty():
            self._bar = RichProgress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                _LeftColumn(self),
                transient=True,
            )
            self._task = self._bar.add_task(title, total=None)

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, text: str, done: int, total: int) -> None:
        """Show ``done`` of ``total``; a smaller ``done`` or another ``total`` is a new stage."""
        now, before = time.monotonic(), self._reached
        self._reached = done, total
        restarted = before is not None and (done < before[0] or total != before[1])
        if restarted or (before is None and done != 1):  # earlier items ran at another pace
            self._began = now, done
        if self._bar:
            title = f"{self.title} {text}"
            if restarted:
                self._bar.reset(self._task, total=total, completed=done, description=title)
            self._bar.update(self._task, description=title, completed=done, total=total)
            return
        if now - self._last >= LINE_EVERY and done:
            print(f"{self.title} {text}: {done} of {total}{self._left(now)}", file=sys.stderr)
            self._last = now

    def _left(self, now: float) -> str:
        left_s = self.left_s(now)
        return "" if left_s is None else f", {left_s:.0f} s left"

    def left_s(self, now: float) -> float | None:
        """Return the seconds left at the pace of this stage, or None until a pace is known."""
        if self._reached is None:
            return None
        start, before = self._began[0], self._amount(self._began[1])
        done, total = map(self._amount, self._reached)
        if done <= before:
            return None
        return min((now - start) / (done - before) * (total - done), max(0.0, self._until - now))


class _LeftColumn(ProgressColumn):
    """Column of the bar with the time left, as computed by :meth:`Progress.left_s`."""

    max_refresh = 0.5

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def render(self, task: Task) -> Text:
        left_s = self._progress.left_s(time.monotonic())
        left = "-:--:--" if left_s is None else str(timedelta(seconds=round(left_s)))
        return Text(left, style="progress.remaining")
