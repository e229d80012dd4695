"""One training in a process of its own: what ends it, ends only this trial.

The processes come from a fork server that has loaded TensorFlow, and so start in under half a
second. Epochs go up a pipe, and the answer says whether to go on.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any

from fibsem.config import RunConfig
from fibsem.errors import UserError
from fibsem.system.interrupts import end_cleanly
from fibsem.system.processes import die_with_parent, stop
from fibsem.system.secrets import guard_output
from fibsem.tracking.runs import Tracking
from fibsem.training.datasets import obtain
from fibsem.training.fit import Epoch
from fibsem.training.material import Material
from fibsem.training.run import (
    Job,
    PrunedError,
    Record,
    TrialFailedError,
    failure_of,
    run_job,
)

#: Called with (epoch, validation loss); raises PrunedError where the trial shall end.
OnEpoch = Callable[[int, float], None]


#: What MLflow imports when it is first needed: a fresh process has it from the server instead.
LAZY = ("mlflow.store.tracking.sqlalchemy_store", "mlflow.store.tracking.rest_store")


class InProcess:
    """Trains in this process; what was read of the dataset is kept from trial to trial."""

    def __init__(self, material: Material, tracking: Tracking) -> None:
        self.material, self.tracking = material, tracking

    def __call__(self, job: Job, on_epoch: OnEpoch) -> Record:
        """Run a job; raises PrunedError, TrialFailedError or KeyboardInterrupt."""
        try:
            config = RunConfig.of(job.tree)
            self.material = self.material.for_config(config)

            def report(epoch: Epoch) -> None:
                on_epoch(epoch.epoch, epoch.val["loss"])

            record, _ = run_job(job, self.material, self.tracking, report)
        except PrunedError:
            raise
        except Exception as error:
            self.material.dataset.check_unchanged()  # else all trials are concerned
            raise failure_of(error) from error
        return record


class Isolated:
    """Trains every job in a fresh process."""

    def __init__(self, tracking: Tracking, data: Mapping[str, str]) -> None:
        self.tracking, self.data = tracking, data
        self.context: ForkServerContext = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload([__name__, *LAZY])

    def __call__(self, job: Job, on_epoch: OnEpoch) -> Record:
        """Run a job; raises PrunedError, TrialFailedError or KeyboardInterrupt."""
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=_child, args=(job, self.tracking, self.data, theirs))
        process.start()
        theirs.close()
        try:
            return self._converse(ours, process, on_epoch)
        except KeyboardInterrupt:
            process.join(30)  # a terminal interrupts it too, and it ends its run by itself
            raise
        finally:
            ours.close()
            stop(process)

    def _converse(
        self, pipe: Connection, process: multiprocessing.process.BaseProcess, on_epoch: OnEpoch
    ) -> Record:
        while True:
            try:
                kind, content = pipe.recv()
            except EOFError:
                process.join()
                raise TrialFailedError(_cause(process.exitcode), "", final=False) from None
            if kind == "done":
                return dict(content)
            if kind == "failed":
                raise TrialFailedError(*content)
            if kind == "refused":
                raise UserError(content)
            if kind == "pruned":
                raise PrunedError(*content)
            try:
                on_epoch(*content)
                pipe.send("go on")
            except PrunedError:
                pipe.send("prune")


def _cause(exitcode: int | None) -> str:
    """Why a process ended that did not say so."""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ", out of memory?" if exitcode == -signal.SIGKILL else ""
        return f"its process was ended by {name}{hint}"
    return f"its process ended with exit code {exitcode}"


def _child(job: Job, tracking: Tracking, data: Mapping[str, str], pipe: Connection) -> None:
    """The process of one trial."""
    die_with_parent()
    guard_output()
    end_cleanly(signal.SIGINT, signal.SIGTERM)
    with contextlib.suppress(KeyboardInterrupt):  # the parent was interrupted too
        pipe.send(_run(job, tracking, data, pipe))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # all is told: it may be ended at once


def _run(
    job: Job, tracking: Tracking, data: Mapping[str, str], pipe: Connection
) -> tuple[str, Any]:
    def report(epoch: Epoch) -> None:
        pipe.send(("epoch", (epoch.epoch, epoch.val["loss"])))
        if pipe.recv() == "prune":
            raise PrunedError(epoch.epoch)

    try:
        config = RunConfig.of(job.tree)
        dataset = obtain(config.data, config.split)
    except Exception as error:
        return _failed(error)
    if dataset.digests != data:
        return "refused", f"data must not change under a sweep, but those of {dataset.path} did."
    try:
        material = Material.of(dataset, config)
        record, _ = run_job(job, material, tracking, report)
    except PrunedError as pruned:
        return "pruned", (pruned.epoch,)
    except Exception as error:
        try:
            dataset.check_unchanged()
        except UserError as changed:
            return "refused", str(changed)
        return _failed(error)
    return "done", record


def _failed(error: Exception) -> tuple[str, Any]:
    failure = failure_of(error)
    return "failed", (failure.reason, failure.trace, failure.final)
