"""Worker of a sweep, which claims a slot, trains, and reports to the study.

What a worker does follows from the study alone. It waits while the database is unavailable. An
attempt belongs to it from the claim to the end, with its own folder and run; if another process has
ended the attempt meanwhile, the worker drops it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import keras

from fibsem.errors import DeviceError, LostError, OutageError, UserError
from fibsem.search.studies.owner import Heart
from fibsem.search.studies.slots import Attempt, Cause, filled
from fibsem.search.studies.trial_record import TrialRecord
from fibsem.search.workers.executors import Execute
from fibsem.search.workers.filling import (
    LEFT_OUT,
    has_room,
    lacks_steps,
    settle_steps,
    settled_steps,
)
from fibsem.search.workers.keeping import inherit, tidy
from fibsem.search.workers.last_rung import lacks_length, settle_length
from fibsem.search.workers.pace import CUT
from fibsem.search.workers.publishing import end_run, run_of
from fibsem.system import pulse
from fibsem.system.again import same_command
from fibsem.system.files import replace_file
from fibsem.system.interrupts import uninterrupted
from fibsem.system.outages import Patience, weathered
from fibsem.tracking import names
from fibsem.tracking.naming import run_name
from fibsem.training.beginning.start import suited
from fibsem.training.failures import PrunedError, TrialFailedError
from fibsem.training.job import Job
from fibsem.training.results import Epoch, TrialResult
from fibsem.training.run import CHECKPOINT
from fibsem.training.steps.checkpoint import Reached, trained_s

if TYPE_CHECKING:
    from fibsem.search.sweep import Sweep

#: Seconds between two polls for an open slot while other workers have all of them.
POLL_S = 1.0
#: Seconds that a hanging worker has to report it, and its exit code.
LAST_S, HUNG = 10.0, 75

Show = Callable[[str, int, int], None]


@dataclass
class Held:
    """An attempt that this worker has claimed, and its progress.

    ``limit_s`` is its time limit in seconds under a hard budget.
    """

    attempt: Attempt
    limit_s: float | None = None
    ready: bool = False
    epochs: int = 0
    settled: bool = False


@dataclass
class Worker:
    """A worker, which trains trials until there is nothing left to do."""

    sweep: Sweep
    execute: Execute
    show: Show
    patience: Patience = field(init=False)
    held: Held | None = None

    def __post_init__(self) -> None:
        self.study, self.tracking = self.sweep.study, self.sweep.tracking
        self.search = self.sweep.search
        self.trials = self.sweep.folder / "trials"
        self.patience = Patience(self.search.patience_s)

    def work(self) -> None:
        """Train trials until the budget or the time is used up, or no slot is left to claim.

        Raises
        ------
        OutageError
            If the disk, the study's storage or MLflow do not answer for ``search.patience_s``,
            or the accelerator of this process has failed.
        """
        try:
            while True:
                try:
                    with weathered():
                        if not self._turn():
                            return
                    self.patience.renew()
                except OutageError as outage:
                    self.patience.wait(outage)
        except BaseException as why:
            self._let_go(why)
            raise

    def _turn(self) -> bool:
        """Train one trial, an interrupted one first; returns whether there may be more."""
        if self.held is None:
            now = self.study.outcomes()  # one request to a storage that may be remote
            done = filled(now)
            self.show(self.sweep.best_so_far(now), done, self.search.trials)
            if self.sweep.is_full(now) or self.sweep.pace.over(done):
                return False
            self.sweep.check_failures(now)
            self._recover()
            if not has_room(self.sweep.pace, self.study):
                return self._wait_for_others()
            self.study.open_slots()
            attempt = self.study.claim()
            if attempt is None:
                return self._wait_for_others()
            if self.sweep.pace.cuts(attempt.slot):
                self.study.fail(attempt, CUT, "let_go", final=True)
                return True
            self.held = Held(attempt)
        self._one_trial(self.held)
        self.held = None
        self.sweep.report_parent()
        return True

    def _wait_for_others(self) -> bool:
        """Wait if other workers are training, whose trials may fail; returns whether any are."""
        if not any(attempt.state == "running" for attempt in self.study.attempts()):
            return False
        time.sleep(POLL_S)
        return True

    def _recover(self) -> None:
        """End attempts whose process died, with their runs if they were in this folder."""
        for attempt, why in self.study.recover():
            if why != "killed":
                print(f"trial {attempt.number} is given up: {why}", file=sys.stderr)
            self._publish(attempt)

    def _job(self, held: Held) -> Job:
        """Return the job of an attempt, with another seed after each training that failed."""
        attempt, failures = held.attempt, held.attempt.failures
        drawn = attempt.values.get("seed")
        seed = (self.sweep.configuration.seed if drawn is None else drawn) + 1000 * failures
        configuration = self.sweep.configuration.with_values({**attempt.values, "seed": seed})
        begins = suited(
            configuration.tree["train"]["init"], configuration.tree["preprocess"]["scaling"]
        )
        configuration = configuration.with_values({"train.init": begins})
        epochs = self.sweep.epochs_of(attempt.values, attempt.slot)
        if epochs is not None:
            configuration = configuration.with_values({"train.epochs": epochs})
        steps = settled_steps(self.sweep.pace.plan, self.sweep.study, attempt.slot)
        if steps is not None and "train.steps" not in attempt.values:
            configuration = configuration.with_values({"train.steps": steps})
        if held.limit_s is not None:
            typed = configuration.tree["train"]["max_seconds"]
            limit_s = held.limit_s if typed is None else min(typed, held.limit_s)
            configuration = configuration.with_values({"train.max_seconds": limit_s})
        tags = {
            names.COMMAND: names.TRIAL,
            names.STUDY: self.study.name,
            names.SLOT: attempt.slot,
            names.ATTEMPT: attempt.number,
            names.FAILURES: failures,
        }
        folder, name = self.trials / attempt.folder_name, run_name(attempt.values)
        return Job(configuration, folder, name, tags, self.sweep.parent, "other", published=False)

    def _one_trial(self, held: Held) -> None:
        """Train a trial, report its result to the study, and then end its run in MLflow."""
        try:
            if not held.ready:
                self._prepare(held)
            if not held.settled:
                self._train(held)
                held.settled = True
            self._publish(held.attempt)
        except LostError:
            self._lost(held)
        finally:
            with uninterrupted():
                keras.backend.clear_session()  # collects garbage too

    def _prepare(self, held: Held) -> None:
        """Copy the checkpoint that an attempt continues from, and set its length and time limit."""
        attempt, slot, pace = held.attempt, held.attempt.slot, self.sweep.pace
        checkpoint = self.trials / attempt.folder_name / CHECKPOINT
        inherit(attempt, self.study.attempts(), self.trials)
        if lacks_length(pace, self.study, slot):
            planned, reached = self.sweep.epochs_of(attempt.values), Reached.read(checkpoint)
            settle_length(pace, self.study, slot, planned, reached, self.search.workers)
        if lacks_steps(pace, self.study, slot):
            times = self.sweep.times_of(attempt.values)
            settle_steps(pace, self.study, slot, times, self.search.workers)
        if settled_steps(pace.plan, self.study, slot) == 0:
            self.study.fail(attempt, LEFT_OUT, "let_go", final=True)
            held.settled = True
        limit_s = pace.limit_s(slot)
        if limit_s is not None:
            held.limit_s = limit_s + trained_s(checkpoint)
        held.ready = True

    def _train(self, held: Held) -> None:
        attempt, job = held.attempt, self._job(held)

        def on_epoch(epoch: Epoch) -> None:
            if not epoch.cut and self.study.report(attempt, epoch):
                raise PrunedError(epoch.epoch)
            if epoch.epoch >= held.epochs:  # a resumed training sends its earlier epochs again
                held.epochs = epoch.epoch + 1
                self.patience.renew()

        pulse.begin()
        try:
            with self._heart(held):
                result = self.execute(job, on_epoch)
                values = [goal.of(result.groups) for goal in self.sweep.goals]
        except PrunedError as pruned:
            record = TrialRecord(run_of(job.folder), epochs=pruned.epoch + 1)
            self.study.prune(attempt, record)
            tidy(self.study, self.sweep.goals, self.trials, self.search.keep)
        except TrialFailedError as failure:
            self._failed(held, failure)
        else:
            self.study.complete(attempt, values, self._record(result))
            tidy(self.study, self.sweep.goals, self.trials, self.search.keep)

    def _record(self, result: TrialResult) -> TrialRecord:
        """Return the record of a result for the study, with its excess over bounds."""
        figures = {goal: goal.of(result.groups) for goal in self.sweep.bounds}
        beyond = {g.key: g.beyond(figures[g], bound) for g, bound in self.sweep.bounds.items()}
        worse = [f"{g.key} is {figures[g]:.6g}" for g in figures if beyond[g.key] > 0]
        reason = f"beyond search.constraints: {', '.join(worse)}" if worse else ""
        return TrialRecord.of(result, beyond, reason)

    def _heart(self, held: Held) -> Heart:
        def stalled(reason: str) -> TrialFailedError:
            return TrialFailedError(reason, "", final=False, of_training=False)

        def abandon(reason: str) -> None:
            """End this process, whose main thread hangs."""
            threading.Timer(LAST_S, os._exit, (HUNG,)).start()
            print(
                f"error: trial {held.attempt.number} is given up: {reason}; "
                f"{same_command()} goes on with it.", file=sys.stderr, flush=True,
            )  # fmt: skip
            with contextlib.suppress(BaseException):
                self.study.fail(held.attempt, reason, "ended")
                self._publish(held.attempt)
            os._exit(HUNG)

        return Heart(
            lambda beat: self.study.beat(held.attempt, beat),
            self.search.heartbeat_s,
            self.search.stall_s,
            stalled,
            abandon,
        )

    def _failed(self, held: Held, failure: TrialFailedError) -> None:
        """Report why a trial failed; a diverged trial fills its slot, and is not repeated."""
        cause: Cause = "own" if failure.of_training else "ended"
        folder = self.trials / held.attempt.folder_name
        if failure.diverged:
            record = TrialRecord(run_of(folder), epochs=held.epochs)
            self.study.diverge(held.attempt, failure.reason, record)
        else:
            self.study.fail(held.attempt, failure.reason, cause, final=failure.final)
        file = folder / "error.txt"
        with contextlib.suppress(OSError, UserError):  # a full disk; the study has the reason
            replace_file(file, failure.trace or failure.reason)
        print(f"trial {held.attempt.number} failed: {failure.reason} ({file})", file=sys.stderr)

    def _lost(self, held: Held) -> None:
        """Drop an attempt that another worker has ended, with its run."""
        print(
            f"trial {held.attempt.number} was given up by another worker, which thought this one "
            "was gone; it stops here", file=sys.stderr,
        )  # fmt: skip
        self._publish(held.attempt)

    def _publish(self, attempt: Attempt) -> None:
        """End the run of an attempt by its outcome in the study."""
        outcome = next(trial for trial in self.study.outcomes() if trial.number == attempt.number)
        end_run(self.tracking, run_of(self.trials / attempt.folder_name), outcome)

    def _let_go(self, why: BaseException) -> None:
        """End an attempt that this worker leaves; if that fails, a later start ends it."""
        held = self.held
        if held is None or held.settled:
            return
        reason = "interrupted" if isinstance(why, KeyboardInterrupt) else f"stopped: {why}"
        # the network may be why the accelerator failed: counted, so that it is not retried for ever
        cause: Cause = "ended" if isinstance(why, DeviceError) else "let_go"
        with contextlib.suppress(Exception):
            self.study.fail(held.attempt, reason, cause)
            self._publish(held.attempt)
