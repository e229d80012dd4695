"""Several workers on one machine: one process each, with some cores or an accelerator."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fibsem.config import Configuration
from fibsem.errors import DeviceError, OutageError, UserError, one_line
from fibsem.search.running_note import RunningNote
from fibsem.search.space.declared import read_space
from fibsem.search.studies.rungs import epochs_in
from fibsem.search.studies.slots import filled
from fibsem.search.sweep import Sweep
from fibsem.search.workers.executors import fresh
from fibsem.search.workers.pace import Pace
from fibsem.search.workers.shares import Share, shares
from fibsem.search.workers.worker import POLL_S, Show
from fibsem.system.again import same_command
from fibsem.system.interrupts import INTERRUPTED
from fibsem.system.outages import Patience, outage_of
from fibsem.system.processes import ask_to_end, stop
from fibsem.system.progress import Progress

#: Workers that may die between two finished trials before the sweep gives up.
RESTARTS = 6
#: Exit codes of a worker that raised a UserError, and of one whose accelerator failed.
MISTAKE, NO_DEVICE = 2, 76


def run_trials(sweep: Sweep, count: int) -> None:
    """Train the trials of a sweep, in this process or in several, and show the progress.

    The progress is shown here, and on the page of the parent run as a list of trials.
    """
    tracking, note = sweep.tracking, RunningNote(sweep)
    with (
        Progress("trials", sweep.pace.left_s, partial(epochs_in, sweep.search.rungs)) as progress,
        tracking.cut_off(sweep.parent, sweep.is_shared),
        tracking.system_metrics(sweep.parent),
    ):

        def show(best: str, done: int, total: int) -> None:
            progress(best, done, total)
            note.update(done)

        if count > 1:
            run_workers(sweep, count, show)
        else:
            sweep.work(sweep.executor(), show)


def run_workers(sweep: Sweep, count: int, show: Show) -> None:
    """Run ``count`` workers until the budget is used up, and restart workers that die.

    Raises
    ------
    UserError
        If a worker stopped for a reason that the user can fix, or after a long outage.
    """
    context = fresh()
    dealt = shares(count)

    def start(k: int) -> Any:
        arguments = (sweep.configuration, sweep.folder, sweep.pace, dealt[k])
        process = context.Process(target=_worker, args=arguments, name=f"worker-{k}")
        process.start()
        return process

    running = {k: start(k) for k in range(count)}
    patience = Patience(sweep.search.patience_s)
    deaths, before = 0, -1
    try:
        while running:
            time.sleep(POLL_S)
            try:
                now = sweep.study.outcomes()
                done, best = filled(now), sweep.best_so_far(now)
                over = sweep.is_full(now) or sweep.pace.over(done)
            except OutageError as outage:
                patience.wait(outage)
                continue
            patience.renew()
            if done > before:
                deaths, before = 0, done
            show(best, done, sweep.search.trials)
            for k, process in list(running.items()):
                if process.is_alive():
                    continue
                del running[k]
                without = process.exitcode == NO_DEVICE
                if process.exitcode == MISTAKE or (without and not running):
                    sweep.check_failures(sweep.study.outcomes())  # with the worker's last reports
                    raise UserError(
                        f"worker {k} stopped; what it said is above, and {same_command()} goes on."
                    )
                if process.exitcode == 0 or without or over:
                    continue
                deaths += 1
                if deaths > RESTARTS:
                    raise UserError(
                        f"`search.workers` died {deaths} times without finishing a trial, the last "
                        f"one with exit code {process.exitcode}; search.workers=1 shows why."
                    )
                print(f"worker {k} died ({process.exitcode}); starting it again", file=sys.stderr)
                running[k] = start(k)
    except BaseException:
        _end_all(list(running.values()))
        raise


def _end_all(processes: Sequence[Any]) -> None:
    """End workers, after giving them time to end their trials."""
    ask_to_end(*processes)
    stop(*processes)


def _worker(configuration: Configuration, folder: Path, pace: Pace, share: Share) -> None:
    """Run one worker process."""
    share.take()

    from fibsem.tracking.runs import Tracking
    from fibsem.training.material.datasets import obtain
    from fibsem.training.material.material import Material

    try:
        config = configuration.with_values(read_space(configuration.tree).first_of_each()[0]).run
        dataset = obtain(config.data, config.split)
        tracking = Tracking.open(config.tracking, dataset.name)
        sweep = Sweep.open(configuration, Material(dataset, config), folder, tracking, pace)
        sweep.work(sweep.executor(), lambda *_: None)
        sweep.study.close()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        line = one_line(error)
        if line is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        sys.exit(NO_DEVICE if isinstance(outage_of(error), DeviceError) else MISTAKE)
