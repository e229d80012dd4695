"""The sweep: Optuna's ask and tell around one objective, with an exact budget.

The study is the only memory. A trial is found again by its origin, the number of the first trial
with its hyperparameters: one that was killed, or failed, is queued again with the same values and
goes on in the same folder. The budget counts complete and pruned trials.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import optuna
import psutil
from optuna.trial import FrozenTrial, Trial, TrialState

from fibsem.config import RunConfig, SearchConfig, Tree, read, settings_hash, with_values
from fibsem.errors import UserError
from fibsem.files import read_json, replace_file, write_json
from fibsem.learning.material import Material
from fibsem.learning.objective import Job, Record, hyperparameters, reason_of, run_job
from fibsem.learning.space import Choice, Range, Space, Values, read_space
from fibsem.learning.tracking import Tracking, run_name
from fibsem.progress import Progress

optuna.logging.set_verbosity(optuna.logging.WARNING)

COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass
class Sweep:
    """One study on one dataset."""

    tree: Tree
    search: SearchConfig
    space: Space
    study: optuna.Study
    folder: Path
    material: Material
    tracking: Tracking
    parent: str

    @classmethod
    def open(cls, tree: Tree, material: Material, folder: Path, tracking: Tracking) -> Sweep:
        """Open or create the study of a configuration, and its parent run."""
        search = read(SearchConfig, tree["search"], "search")
        folder.mkdir(parents=True, exist_ok=True)
        name = tree.get("study") or folder.name
        study = optuna.create_study(
            storage=search.storage or f"sqlite:///{folder / 'study.db'}",
            sampler=_sampler(search),
            study_name=name,
            direction="minimize",
            load_if_exists=True,
        )
        _same_settings(study, settings_hash(tree), folder)
        space = read_space(tree)
        parent = _parent_run(study, tree, space, material, tracking)
        return cls(tree, search, space, study, folder, material, tracking, parent)

    def run(self) -> Record:
        """Do what is left of the budget; returns the record of ``summary.json``."""
        started = time.perf_counter()
        self.recover()
        with Progress("trials") as progress:
            while (done := self.count(*COUNTED)) < self.search.trials:
                progress(self._best_so_far(), done, self.search.trials)
                self._check_failures()
                self.one_trial()
        self._report_parent()
        self.tracking.end(self.parent)
        return self.summary(time.perf_counter() - started)

    def count(self, *states: TrialState) -> int:
        """Number of trials in these states."""
        return len(self.study.get_trials(deepcopy=False, states=states))

    def recover(self) -> None:
        """Queue trials again whose process is gone: killed, or the machine went down."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not _alive(trial.user_attrs.get("owner")):
                self._give_up(trial, "killed")

    def one_trial(self) -> None:
        """Draw hyperparameters, train, and tell the study what came of it."""
        trial = self._ask()
        values = self._suggest(trial)
        job = self._job(trial, values)
        try:
            # from here on a kill leaves a trial that `recover` finds
            config = RunConfig.of(job.tree)
            self.material = self.material.for_config(config)
            record, _ = run_job(job, self.material, self.tracking)
        except KeyboardInterrupt:
            self._give_up(_frozen(self.study, trial.number), "interrupted")
            raise
        except Exception as error:  # a trial's own failure must not end the sweep
            self._fail(trial, job, error)
            return
        finally:
            keras.backend.clear_session()
            gc.collect()
        trial.set_user_attr("run_id", record["run_id"])
        trial.set_user_attr("val", record["val"])
        self.study.tell(trial, record["val"]["loss"])
        self._report_parent()

    def _ask(self) -> Trial:
        """Take the next trial: one that is queued again, or the next draw of the plan."""
        if not self.count(TrialState.WAITING) and self.search.sampler == "random":
            trials = self.study.get_trials(deepcopy=False)
            drawn = sum("origin" not in t.user_attrs or t.number == t.user_attrs["origin"]
                        for t in trials)  # fmt: skip
            values = next(islice(self.space.plan(self.search.seed), drawn, None))
            self.study.enqueue_trial(values)
        trial = self.study.ask()
        trial.set_user_attr("owner", _me())
        for key, value in (("origin", trial.number), ("attempt", 0), ("failures", 0)):
            if key not in trial.user_attrs:
                trial.set_user_attr(key, value)
        return trial

    def _suggest(self, trial: Trial) -> Values:
        """Values of every axis, in order; axes that earlier values narrow have their own name."""
        values: Values = {}
        for key, axis in self.space.axes.items():
            if isinstance(axis, Range):
                values[key] = trial.suggest_float(key, axis.low, axis.high, log=axis.log)
                continue
            if self.search.sampler == "random":
                values[key] = trial.suggest_categorical(key, axis.values)
                continue
            allowed = self.space.choices(key, values)
            assert isinstance(allowed, Choice)
            if len(allowed.values) == 1:
                values[key] = allowed.values[0]
                continue
            # a categorical parameter cannot change its choices within a study
            whole = allowed.values == axis.values
            name = key if whole else f"{key} of {list(allowed.values)}"
            values[key] = trial.suggest_categorical(name, allowed.values)
        return values

    def _job(self, trial: Trial, values: Values) -> Job:
        """The training of a trial; after a failure of its own it starts from another seed."""
        origin, failures = trial.user_attrs["origin"], trial.user_attrs["failures"]
        seed = self.tree["seed"] + 1000 * failures
        tree = with_values(self.tree, {**values, "seed": seed})
        try:
            params = hyperparameters(RunConfig.of(tree), tree)
        except UserError:
            params = dict(values)
        folder = self.folder / "trials" / (f"{origin:04d}" + (f"-{failures}" if failures else ""))
        trial.set_user_attr("values", json.dumps(values))
        trial.set_user_attr("folder", folder.name)
        tags = {"fibsem.command": "trial", "fibsem.study": self.study.study_name}
        return Job(
            tree, folder, run_name(values), {**tags, "fibsem.trial": origin}, params, self.parent
        )

    def _fail(self, trial: Trial, job: Job, error: Exception) -> None:
        """Record why a trial failed, and queue it again while it has retries left."""
        reason = reason_of(error)
        text = "".join(traceback.format_exception(error))
        replace_file(job.folder / "error.txt", text)
        print(f"trial {trial.number} failed: {reason} ({job.folder}/error.txt)", file=sys.stderr)
        trial.set_user_attr("failures", trial.user_attrs["failures"] + 1)
        trial.set_user_attr("own_failure", True)
        self._give_up(_frozen(self.study, trial.number), reason)

    def _give_up(self, trial: FrozenTrial, reason: str) -> None:
        """Mark a trial failed with its reason; queue its hyperparameters again up to the cap."""
        attrs = trial.user_attrs
        self.study._storage.set_trial_user_attr(trial._trial_id, "reason", reason)
        self.study.tell(trial.number, state=TrialState.FAIL)
        attempt = attrs.get("attempt", 0) + 1
        if attempt > self.search.retries or reason.startswith("impossible"):
            if not attrs.get("own_failure"):  # those have ended their run themselves
                self._close_run(attrs.get("folder"))
            return
        again = {"origin": attrs.get("origin", trial.number), "attempt": attempt,
                 "failures": attrs.get("failures", 0)}  # fmt: skip
        # a trial may be cut off before it has drawn what was queued for it
        values = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        self.study.enqueue_trial(values, user_attrs=again)

    def _close_run(self, folder: str | None) -> None:
        """End the run of a trial that will not be tried again."""
        known = self.folder / "trials" / (folder or "") / "run.json"
        if folder and known.is_file():
            self.tracking.end(read_json(known)["run_id"], "KILLED")

    def _check_failures(self) -> None:
        """Stop where trials fail one after the other: something is wrong with all of them."""
        finished = [t for t in self.study.get_trials(deepcopy=False) if t.state.is_finished()]
        finished.sort(key=lambda t: t.datetime_complete or t.datetime_start)
        last = finished[-self.search.max_failures :]
        if len(last) == self.search.max_failures and all(
            t.state == TrialState.FAIL and t.user_attrs.get("own_failure") for t in last
        ):
            self.tracking.end(self.parent, "FAILED")
            raise UserError(
                f"`search.max_failures` allows {self.search.max_failures} failed trials in a row, "
                f"and as many failed; the last one: {last[-1].user_attrs.get('reason')}. "
                f"Their tracebacks are in {self.folder}/trials/*/error.txt."
            )

    def _report_parent(self) -> None:
        """Best value so far, and how many trials are done, on the parent run."""
        if best := best_trial(self.study):
            metrics = {f"best/{key}": value for key, value in best.user_attrs["val"].items()}
            done = self.count(*COUNTED)
            self.tracking.log_metrics(self.parent, {**metrics, "trials": done}, step=done)
            self.tracking.tag(self.parent, {"fibsem.best_run": best.user_attrs["run_id"]})

    def _best_so_far(self) -> str:
        best = best_trial(self.study)
        return f"best loss {best.value:.4f}" if best else ""

    def summary(self, seconds: float) -> Record:
        """The record of ``summary.json``."""
        best = best_trial(self.study)
        return {
            "study": self.study.study_name,
            "trials": {
                "complete": self.count(TrialState.COMPLETE),
                "pruned": self.count(TrialState.PRUNED),
                "failed": self.count(TrialState.FAIL),
            },
            "best": best
            and {
                "value": best.value,
                "params": json.loads(best.user_attrs["values"]),
                "val": best.user_attrs["val"],
                "run_id": best.user_attrs["run_id"],
            },
            "parent_run_id": self.parent,
            "seconds": seconds,
        }


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """The complete trial with the smallest value, or None."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return min(complete, key=lambda trial: float(trial.value or 0.0), default=None)


def _sampler(search: SearchConfig) -> optuna.samplers.BaseSampler:
    if search.sampler == "tpe":
        return optuna.samplers.TPESampler(seed=search.seed, multivariate=False)
    return optuna.samplers.RandomSampler(seed=search.seed)


def _same_settings(study: optuna.Study, settings: str, folder: Path) -> None:
    """Refuse to mix two configurations in one study."""
    known = study.user_attrs.get("settings")
    if known is None:
        study.set_user_attr("settings", settings)
    elif known != settings:
        raise UserError(
            f"`output` must be a new folder or hold a sweep with the same settings, but {folder} "
            "holds one with others; the choices are another output or the former settings."
        )


def _parent_run(
    study: optuna.Study, tree: Tree, space: Space, material: Material, tracking: Tracking
) -> str:
    """Id of the parent run: the study's own, or a new one."""
    known = study.user_attrs.get("parent_run_id")
    if known is not None and tracking.resume(known):
        return str(known)
    config = material.config
    tags = {
        "fibsem.command": "sweep",
        "fibsem.study": study.study_name,
        "fibsem.model": config.spec.name,
        "fibsem.nbhd": config.spec.nbhd,
        "fibsem.padding": config.spec.padding,
        "fibsem.space": space.name,
        "fibsem.sampler": tree["search"]["sampler"],
        "fibsem.data": material.dataset.hash,
    }
    params = {"trials": tree["search"]["trials"], "space": space.name, "space.size": space.size}
    parent = tracking.start(study.study_name, tags=tags, params=params)
    tracking.log_json(parent, tree, "config.json")
    study.set_user_attr("parent_run_id", parent)
    return parent


def _frozen(study: optuna.Study, number: int) -> FrozenTrial:
    return next(t for t in study.get_trials(deepcopy=False) if t.number == number)


def _me() -> str:
    """Host, process and its start: a process number alone is used again."""
    process = psutil.Process()
    return json.dumps([socket.gethostname(), process.pid, process.create_time()])


def _alive(owner: str | None) -> bool:
    """Whether the process that runs a trial still exists; unknown on another machine: yes."""
    if owner is None:
        return False
    host, pid, created = json.loads(owner)
    if host != socket.gethostname():
        return True
    if pid == os.getpid():
        return False  # a trial of this process is told before the next one starts
    try:
        return abs(psutil.Process(pid).create_time() - created) < 1
    except psutil.NoSuchProcess:
        return False


def trial_rows(study: optuna.Study) -> Iterator[Mapping[str, Any]]:
    """One row per trial for a table: number, state, reason, value and hyperparameters."""
    for trial in study.get_trials(deepcopy=False):
        yield {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "reason": trial.user_attrs.get("reason", ""),
            "value": trial.value if trial.state == TrialState.COMPLETE else None,
            **json.loads(trial.user_attrs.get("values", "{}")),
        }


def write_trials(study: optuna.Study, path: Path) -> None:
    """Write the table of trials as JSON."""
    write_json(path, list(trial_rows(study)))
