"""Run a training in this process, or in a new one whose death ends only this trial.

Processes are forked from a server that has loaded TensorFlow, so that they start in under half a
second. The child sends epochs and signs of life through a pipe; the answer to an epoch is whether
to continue.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

from fibsem.errors import OutageError, UserError
from fibsem.system.interrupts import (
    INTERRUPTED,
    end_cleanly,
    interruption_point,
    uninterrupted,
)
from fibsem.system.outages import weathered
from fibsem.system.processes import (
    ask_to_end,
    collect_seldom,
    die_with_parent,
    forking,
    rss_gib,
    stop,
)
from fibsem.system.pulse import follow, pulse
from fibsem.system.secrets import guard_output
from fibsem.system.threads import STOPS, start_beside
from fibsem.tracking.runs import Tracking
from fibsem.training.failures import PrunedError, TrialFailedError, failure_of
from fibsem.training.job import Job
from fibsem.training.material.datasets import obtain
from fibsem.training.material.material import Material
from fibsem.training.results import Epoch, TrialResult
from fibsem.training.run import run_job

#: Called with each epoch; raises PrunedError to end the trial.
OnEpoch = Callable[[Epoch], None]
Execute = Callable[[Job, OnEpoch], TrialResult]
#: Contexts of multiprocessing that start processes.
Context = ForkContext | ForkServerContext

#: Seconds between two polls of a child, and between two of its signs of life.
LOOK_S = 0.5
#: Signals of a crashing process; all others are sent by a user or because of a system limit.
ITS_OWN = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV,
           signal.SIGSYS, signal.SIGTRAP)  # fmt: skip
#: Modules that MLflow imports late: the fork server imports them once for all processes.
LAZY = ("mlflow.store.tracking.sqlalchemy_store", "mlflow.store.tracking.rest_store")


def fresh() -> ForkServerContext:
    """Return the multiprocessing context of trainings, a fork server."""
    return forking(__name__, "fibsem.search.studies.optuna_study", *LAZY)


class InProcess:
    """Trains in this process, and reuses the dataset that it has read in later trials."""

    def __init__(self, material: Material, tracking: Tracking) -> None:
        self.material, self.tracking = material, tracking

    def __call__(self, job: Job, on_epoch: OnEpoch) -> TrialResult:
        """Run a job; raises PrunedError, TrialFailedError, OutageError or KeyboardInterrupt."""
        try:
            with weathered():
                self.material = self.material.for_config(job.config)
                result, _ = run_job(job, self.material, self.tracking, on_epoch)
        except (PrunedError, OutageError):
            raise
        except Exception as error:
            self.material.dataset.check_unchanged()  # changed data would spoil every trial
            raise failure_of(error) from error
        return result


class UpToMemory:
    """Trains in this process until it uses much memory, then every trial in a new process.

    Libraries keep some memory of every trial, which adds up over hundreds of them.

    Parameters
    ----------
    local
        The executor for this process.
    isolated
        Makes the executor for new processes.
    most_gib
        Memory of this process in GiB above which new processes are used.
    """

    def __init__(self, local: Execute, isolated: Callable[[], Execute], most_gib: float) -> None:
        self.execute, self._isolated, self.most_gib = local, isolated, most_gib
        self._grown = False

    def __call__(self, job: Job, on_epoch: OnEpoch) -> TrialResult:
        """Run a job, in this process or in a new process."""
        held_gib = rss_gib()
        if not self._grown and held_gib > self.most_gib:
            print(
                f"this process holds {held_gib:.1f} GiB, more than search.memory_gib="
                f"{self.most_gib:.1f}: each further trial is trained in a process of its own",
                file=sys.stderr,
            )
            self.execute, self._grown = self._isolated(), True
        return self.execute(job, on_epoch)


class Isolated:
    """Trains every job in a new process."""

    def __init__(self, tracking: Tracking, data: Mapping[str, str]) -> None:
        self.tracking, self.data = tracking, data
        self.context = fresh()

    def __call__(self, job: Job, on_epoch: OnEpoch) -> TrialResult:
        """Run a job; raises PrunedError, TrialFailedError, OutageError or KeyboardInterrupt."""
        return in_own_process(self.context, partial(_run, job, self.tracking, self.data), on_epoch)


def in_own_process(
    context: Context, task: Callable[[Line], tuple[str, Any]], on_epoch: OnEpoch
) -> TrialResult:
    """Do the work of a trial in a new process, and return or raise its result.

    Parameters
    ----------
    context
        Starts the process.
    task
        Called in the new process; sends epochs along the line, and returns the result.
    on_epoch
        Called here with each epoch; raises PrunedError to end the trial.
    """
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(task, theirs))
    process.start()
    theirs.close()
    try:
        return _converse(ours, process, on_epoch)
    except KeyboardInterrupt:
        ask_to_end(process)  # the process ends its run in MLflow itself
        raise
    finally:
        ours.close()
        stop(process)


def _converse(pipe: Connection, process: BaseProcess, on_epoch: OnEpoch) -> TrialResult:
    while True:
        while not pipe.poll(LOOK_S):
            interruption_point()
        try:
            kind, content = pipe.recv()
        except EOFError:
            process.join()
            raise _death(process.exitcode) from None
        if kind == "pulse":
            follow(content)
            continue
        if kind == "done":
            return content
        if kind == "failed":
            raise TrialFailedError(*content)
        if kind == "refused":
            raise UserError(content)
        if kind == "away":
            raise OutageError(content)
        if kind == "pruned":
            raise PrunedError(*content)
        try:
            on_epoch(content)
            pipe.send("go on")
        except PrunedError:
            pipe.send("prune")


def _death(exitcode: int | None) -> TrialFailedError:
    """Return the error for a process that died silently, by its own fault or by a signal."""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ", out of memory?" if exitcode == -signal.SIGKILL else ""
        reason = f"its process was ended by {name}{hint}"
        return TrialFailedError(reason, "", final=False, of_training=-exitcode in ITS_OWN)
    if exitcode == INTERRUPTED:
        return TrialFailedError(
            "its process alone was asked to end", "", final=False, of_training=False
        )
    return TrialFailedError(f"its process ended with exit code {exitcode}", "", final=False)


def _child(task: Callable[[Line], tuple[str, Any]], pipe: Connection) -> None:
    """Run the process of a trial: send the result, unless it was asked to end."""
    die_with_parent()
    collect_seldom()
    guard_output()
    line = Line(pipe)
    start_beside(line.keep_posted)
    try:
        end_cleanly(*STOPS, once=True)
        line.send(task(line))
    except KeyboardInterrupt:  # a code of its own: Ctrl-C may reach this process alone
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # all was sent: this process may be ended


class Line:
    """The child's end of the pipe, shared by the training and the thread of signs of life."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe, self._lock = pipe, threading.Lock()

    def send(self, message: tuple[str, Any]) -> None:
        """Send a message to the parent, whole even if a signal arrives."""
        with uninterrupted(), self._lock:
            self.pipe.send(message)

    def keep_posted(self) -> None:
        """Send signs of life until the parent is gone."""
        with contextlib.suppress(OSError):
            while True:
                time.sleep(LOOK_S)
                self.send(("pulse", pulse()))


def _run(job: Job, tracking: Tracking, data: Mapping[str, str], line: Line) -> tuple[str, Any]:
    """Train, and return the result or the error."""

    def on_epoch(epoch: Epoch) -> None:
        line.send(("epoch", epoch))
        if line.pipe.recv() == "prune":
            raise PrunedError(epoch.epoch)

    try:
        with weathered():
            dataset = obtain(job.config.data, job.config.split)
            if dataset.digests != data:
                changed = f"those of {dataset.path} did"
                return "refused", f"data must not change under a sweep, but {changed}."
            execute = InProcess(Material(dataset, job.config), tracking)
    except OutageError as outage:
        return "away", str(outage)
    except Exception as error:
        return _failed(failure_of(error))
    try:
        return "done", execute(job, on_epoch)
    except PrunedError as pruned:
        return "pruned", (pruned.epoch,)
    except OutageError as outage:
        return "away", str(outage)
    except TrialFailedError as failure:
        return _failed(failure)
    except UserError as changed:  # changed data concern all trials
        return "refused", str(changed)


def _failed(failure: TrialFailedError) -> tuple[str, Any]:
    return "failed", (
        failure.reason, failure.trace, failure.final, failure.of_training, failure.diverged,
    )  # fmt: skip
