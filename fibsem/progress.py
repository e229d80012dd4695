"""Progress with time left, for what takes over ten seconds."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

#: Seconds between two lines where the output is not a terminal (a log file, a cluster job).
LINE_EVERY = 30.0


class Progress:
    """A bar on a terminal, a line now and then in a log; called with (text, done, total)."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._last = self._start = time.monotonic()
        self._bar: RichProgress | None = None
        if sys.stderr.isatty():
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
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
        """Show ``done`` of ``total``."""
        if self._bar:
            self._bar.update(
                self._task, description=f"{self.title} {text}", completed=done, total=total
            )
            return
        now = time.monotonic()
        if now - self._last >= LINE_EVERY and done:
            left = (now - self._start) / done * (total - done)
            print(f"{self.title} {text}: {done} of {total}, {left:.0f} s left", file=sys.stderr)
            self._last = now
