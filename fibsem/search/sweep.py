"""A sweep: one or several workers train its trials, and each trial is a run in MLflow.

The state of a sweep is stored in its study alone. A worker reads from it what to do: end attempts
whose process died, open missing slots, claim a slot, train, report. So the same command continues
where it was stopped, and the same command on another machine joins. A run is FINISHED in MLflow if,
and only if, the study counts its trial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fibsem.config import Configuration, SearchConfig, settings_hash, settings_of
from fibsem.errors import UserError
from fibsem.search.budget.sizes import NetworkCost
from fibsem.search.folder import (
    ATTEMPTS,
    check_database,
    check_folder,
    settle_study,
    study_name,
)
from fibsem.search.parent import parent_run
from fibsem.search.space.declared import read_space
from fibsem.search.space.space import Space, Values
from fibsem.search.studies.outcomes import Outcome
from fibsem.search.studies.samplers import bounds, objectives
from fibsem.search.studies.slots import Study, filled
from fibsem.search.workers.executors import Execute, InProcess, Isolated, UpToMemory
from fibsem.search.workers.last_rung import settled_length
from fibsem.search.workers.pace import Pace
from fibsem.search.workers.publishing import reconcile
from fibsem.search.workers.worker import Show, Worker
from fibsem.system import metric_names
from fibsem.system.files import write_json
from fibsem.system.identity import Identity
from fibsem.system.processes import machine_gib, visible_accelerators
from fibsem.system.records import as_record
from fibsem.system.summaries.sweep import Counts, SweepSummary, TrialRow, Unbeaten
from fibsem.tracking import names
from fibsem.tracking.runs import Tracking
from fibsem.training.material.material import Material
from fibsem.training.scoring.objectives import Objective

#: Causes of failed attempts that count towards ``search.max_failures``.
BAD = ("own", "ended")


@dataclass
class Sweep:
    """An open sweep: its study, its data, its parent run.

    ``before`` has the numbers of attempts that ended before this start; ``pace`` limits the time of
    training.
    """

    configuration: Configuration
    space: Space
    goals: list[Objective]
    study: Study
    folder: Path
    tracking: Tracking
    parent: str
    material: Material
    before: frozenset[int] = frozenset()
    pace: Pace = field(default_factory=Pace)

    @classmethod
    def open(
        cls,
        configuration: Configuration,
        material: Material,
        folder: Path,
        tracking: Tracking,
        pace: Pace | None = None,
    ) -> Sweep:
        """Open or create the study of a configuration, and its parent run.

        Without a ``pace``, training is limited to ``search.max_seconds``.

        Raises
        ------
        UserError
            If the folder or the study belongs to another sweep; the message names what differs.
        """
        configuration, dataset = configuration.settled, material.dataset
        search, tree = configuration.search, configuration.tree
        goals, space = objectives(search.objectives), read_space(tree)
        bounds(search.constraints)  # raises errors of the constraints before anything is opened
        name = study_name(configuration.study, folder)
        # trials of two studies do not share a folder
        settings = {**settings_of("sweep", tree), "study": name}
        identity = Identity("sweep", settings, dataset.digests)
        check_folder(folder, identity)
        check_database(search.storage, folder)
        study = backend_of(search.backend)(name, folder, search, space, goals)
        try:
            first = settle_study(
                study, identity, settings_hash(tree), folder, tracking, search.storage
            )
            identity.write(folder)
            if first and any(folder.glob("trials/*")):
                print(
                    f"no study knows the trials in {folder} any more; those it asks for are taken"
                )
            parent = parent_run(study, tree, space, dataset, tracking, first=first)
            before = frozenset(outcome.number for outcome in study.outcomes() if outcome.ended)
        except BaseException:
            study.close()
            raise
        pace = pace or Pace.of(search.max_seconds)
        return cls(
            configuration, space, goals, study, folder, tracking, parent, material, before, pace
        )

    @property
    def search(self) -> SearchConfig:
        """Settings of the search, ``search.*``."""
        return self.configuration.search

    def executor(self) -> Execute:
        """Return the executor of trainings: new processes, or this one until memory gets scarce.

        If this process holds an accelerator, all trainings run here, since other processes could
        not use it.
        """
        isolated = partial(Isolated, self.tracking, self.material.dataset.digests)
        if self.search.isolate:
            return isolated()
        here = InProcess(self.material, self.tracking)
        return here if visible_accelerators() else UpToMemory(here, isolated, self._most_gib)

    @property
    def _most_gib(self) -> float:
        """Memory in GiB above which a worker uses new processes; by default half of all, shared."""
        return self.search.memory_gib or machine_gib() / 2 / self.search.workers

    def work(self, execute: Execute, show: Show) -> None:
        """Train trials as a worker; see :meth:`fibsem.search.workers.worker.Worker.work`."""
        Worker(self, execute, show).work()

    def epochs_of(self, values: Values, slot: int | None = None) -> int | None:
        """Return the epochs of a training that reaches the last rung, by the size of its network.

        A ``slot`` of the last rung may have its own number of epochs, stored in the study. Returns
        None without a plan; then the configuration sets the number.
        """
        settled = None if slot is None else settled_length(self.pace, self.study, slot)
        if settled is not None:
            return settled
        plan = self.pace.plan
        if plan is None or plan.growth is None or not plan.rungs:
            return None
        sized = self._sized(values)
        return None if sized is None else plan.epochs_of(sized.architecture, sized.operations)

    def times_of(self, values: Values) -> float:
        """Return the time of a step relative to the plan's average network; 1 if unknown."""
        growth = None if self.pace.plan is None else self.pace.plan.growth
        sized = None if growth is None else self._sized(values)
        if growth is None or sized is None:
            return 1.0
        return growth.times(sized.architecture, sized.operations) or 1.0

    def wanted_epochs(self, now: Sequence[Outcome]) -> dict[int, int]:
        """Return the epochs that complete trainings were meant to have, by slot.

        Slots whose epochs the configuration sets are left out; see :meth:`epochs_of`.
        """
        complete = (trial for trial in now if trial.complete)
        wanted = {trial.slot: self.epochs_of(trial.values, trial.slot) for trial in complete}
        return {slot: epochs for slot, epochs in wanted.items() if epochs is not None}

    def _sized(self, values: Values) -> NetworkCost | None:
        """Return architecture and operations of a trial's network, or None for other models."""
        with suppress(UserError):  # the training itself will raise the error
            config = self.configuration.with_values(values).run
            if config.spec.is_network:
                return NetworkCost.of(config.spec, self.material.for_config(config).step_shape)
        return None

    def check_failures(self, now: Sequence[Outcome]) -> None:
        """Raise an error if too many trials fail in a row, which suggests a common cause.

        Failures before this start do not count, as the user may have fixed the cause.
        """
        new = [outcome for outcome in now if outcome.ended and outcome.number not in self.before]
        new.sort(key=lambda outcome: outcome.ended or 0)
        last = new[-self.search.max_failures :]
        if len(last) == self.search.max_failures and all(
            outcome.cause in BAD or outcome.diverged for outcome in last
        ):
            self.tracking.end(self.parent, "FAILED")
            raise UserError(
                f"`search.max_failures` allows {self.search.max_failures} failed trials in a row, "
                f"and as many failed; the last one: {last[-1].reason}. "
                f"Their tracebacks are in {self.folder}/trials/*/error.txt."
            )

    @property
    def has_ended_any(self) -> bool:
        """Whether any trial has ended since this start of the command."""
        return any(t.ended and t.number not in self.before for t in self.study.outcomes())

    def is_full(self, now: Sequence[Outcome]) -> bool:
        """Whether all trials are done; successive halving needs a model at its end, too."""
        has_model = any(trial.complete for trial in now)
        return filled(now) >= self.search.trials and (has_model or not self.search.rungs)

    def is_over(self) -> bool:
        """Whether the sweep has ended, with a model.

        It has not ended if ``search.max_seconds`` stopped it, or other processes still train.
        """
        now = self.study.outcomes()
        has_model = any(trial.complete for trial in now)
        stopped = not self.is_full(now) and self.pace.stopped(filled(now))
        return has_model and not stopped and not self.is_shared()

    def is_shared(self) -> bool:
        """Whether another command is training trials; called after this one has ended its own."""
        return any(attempt.state == "running" for attempt in self.study.attempts())

    def best(self, now: Sequence[Outcome] | None = None) -> Outcome | None:
        """Return the best trial within the bounds by the first objective; None if there is none."""
        goal, feasible = self.goals[0], _feasible(self.study.outcomes() if now is None else now)
        return min(feasible, key=lambda trial: goal.cost(trial.first()), default=None)

    @property
    def bounds(self) -> dict[Objective, float]:
        """Bounds of objectives, from ``search.constraints``."""
        return bounds(self.search.constraints)

    def best_so_far(self, now: Sequence[Outcome]) -> str:
        """Return the best value as text for the progress line; empty if there is none."""
        best = self.best(now)
        return f"best {self.goals[0].key} {best.first():.4f}" if best else ""

    def report_parent(self) -> None:
        """Log the best value and the number of finished trials on the parent run."""
        now = self.study.outcomes()
        best, done = self.best(now), filled(now)
        if best is None:
            return
        metrics = metric_names.grouped(metric_names.BEST, best.val)
        self.tracking.log_changed(self.parent, {**metrics, metric_names.TRIALS: done}, step=done)
        self.tracking.tag(self.parent, {names.BEST_RUN: best.run_id})

    def finish(self, seconds: float) -> SweepSummary:
        """End runs that are left open, write ``trials.json``, and return the summary."""
        self.reconcile()
        write_json(self.folder / ATTEMPTS, as_record(self.table()))
        self.tracking.log_file(self.parent, self.folder / ATTEMPTS)
        self.tracking.end(self.parent)
        return self.summary(seconds)

    def reconcile(self) -> None:
        """End runs in MLflow that a kill left open after their attempts had ended."""
        reconcile(self.tracking, self.parent, self.study.outcomes())
        self.report_parent()

    def summary(self, seconds: float) -> SweepSummary:
        """Return the summary of the sweep so far."""
        best, dataset = self.best(), self.material.dataset
        states = [attempt.state for attempt in self.study.attempts() if not attempt.duplicate]
        return SweepSummary(
            dataset=dataset.name,
            data=dataset.hash,
            command=self.configuration.command,
            study=self.study.name,
            trials=Counts(
                states.count("complete"), states.count("pruned"), states.count("failed")
            ),
            best=best.as_best() if best else None,
            objectives=tuple(goal.key for goal in self.goals),
            pareto=tuple(
                Unbeaten(trial.objectives or (), trial.values, trial.run_id)
                for trial in self.pareto()
            ) if len(self.goals) > 1 else None,
            infeasible=sum(outcome.infeasible for outcome in self.study.outcomes()),
            parent_run_id=self.parent,
            seconds=seconds,
        )  # fmt: skip

    def pareto(self) -> list[Outcome]:
        """Return the Pareto front of the trials within all bounds: no other one dominates them."""
        trials = _feasible(self.study.outcomes())

        def costs(trial: Outcome) -> tuple[float, ...]:
            return tuple(g.cost(v) for g, v in zip(self.goals, trial.objectives or (), strict=True))

        def dominated(trial: Outcome) -> bool:
            mine = costs(trial)
            return any(
                costs(other) != mine
                and all(a <= b for a, b in zip(costs(other), mine, strict=True))
                for other in trials
            )

        return sorted((trial for trial in trials if not dominated(trial)), key=costs)

    def table(self) -> list[TrialRow]:
        """Return the rows of ``trials.json``, one for each attempt."""
        return [trial.row(self.goals) for trial in self.study.outcomes()]


def _feasible(now: Sequence[Outcome]) -> list[Outcome]:
    """Return the complete trials within ``search.constraints``."""
    return [trial for trial in now if trial.complete and not trial.infeasible]


def backend_of(name: str) -> Callable[[str, Path, SearchConfig, Space, list[Objective]], Study]:
    """Return the study class of a backend, imported only when it is used."""
    if name == "keras_tuner":
        from fibsem.search.studies.tuner_study import TunerStudy

        return TunerStudy
    from fibsem.search.studies.optuna_study import OptunaStudy

    return OptunaStudy
