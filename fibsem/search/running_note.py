"""Ranked list of trials on the page of a sweep's parent run while the sweep runs.

One process of a command writes it, which holds the parent run, and none of its workers. A sweep
that was killed keeps the list of its last trials.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fibsem.search.ranked import ranking_note

if TYPE_CHECKING:
    from fibsem.search.sweep import Sweep

#: Minimum seconds between two notes.
EVERY_S = 30.0


@dataclass
class RunningNote:
    """Writes the list when trials have ended, at most every ``EVERY_S`` seconds.

    ``listed`` is the number of trials that had ended when it was written.
    """

    sweep: Sweep
    clock: Callable[[], float] = time.monotonic
    listed: int = 0
    written_s: float = -math.inf

    def update(self, done: int) -> None:
        """Write the list if other trials have ended since the last one, and that was long ago.

        A store that does not answer costs the list, which is written later, and no trial.
        """
        if done == self.listed or self.clock() - self.written_s < EVERY_S:
            return
        with contextlib.suppress(Exception):
            self._write()
            self.listed = done
        self.written_s = self.clock()

    def _write(self) -> None:
        sweep = self.sweep
        complete = [outcome for outcome in sweep.study.outcomes() if outcome.complete]
        if complete:
            complete.sort(key=lambda outcome: outcome.slot)
            note = ranking_note(complete, sweep.goals, sweep.tracking.experiment_id, running=True)
            sweep.tracking.describe(sweep.parent, note)
