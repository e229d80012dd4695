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
        self._last = time.monotonic()
        self._began = self._last, 0  # when the stage began, and how much was done by then
        self._seen: tuple[int, int] | None = None
        self._bar: RichProgress | None = None
        if sys.stderr.isatty():
            self._bar = RichProgress(
                TextColumn("{task.description}", markup=False),
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
        """Show ``done`` of ``total``; less than before, or of another total, is another stage."""
        now, before = time.monotonic(), self._seen
        self._seen = done, total
        another = before is not None and (done < before[0] or total != before[1])
        if another or (before is None and done != 1):  # what was done before took other time
            self._began = now, done
        if self._bar:
            title = f"{self.title} {text}"
            if another:
                self._bar.reset(self._task, total=total, completed=done, description=title)
            self._bar.update(self._task, description=title, completed=done, total=total)
            return
        if now - self._last >= LINE_EVERY and done:
            print(f"{self.title} {text}: {done} of {total}{self._left(now)}", file=sys.stderr)
            self._last = now

    def _left(self, now: float) -> str:
        """Time left at the pace of this stage; nothing as long as there is none."""
        assert self._seen is not None
        (start, before), (done, total) = self._began, self._seen
        if done <= before:
            return ""
        return f", {(now - start) / (done - before) * (total - done):.0f} s left"
