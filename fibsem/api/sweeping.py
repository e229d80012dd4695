"""Search hyperparameters: ``python -m fibsem.sweep``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem.api.datasets import OpenDataset
from fibsem.api.options import completes, one_at_a_time, one_line_errors, some_dataset, tree_of
from fibsem.api.results import Result, files
from fibsem.config import (
    Configuration,
    RunConfig,
    SearchConfig,
    Tree,
    output_folder,
    require,
)
from fibsem.search.space.declared import check_used, read_space, repeats, scalings_of
from fibsem.search.space.space import Space
from fibsem.system.addresses import hidden
from fibsem.system.files import read_json, write_json
from fibsem.system.locks import at_work
from fibsem.system.processes import command_began
from fibsem.system.records import as_record
from fibsem.system.summaries import SweepSummary, trial_rows
from fibsem.system.summaries.sweep import Best
from fibsem.tracking.naming import run_name
from fibsem.training.scoring.objectives import Objective, check_figures

if TYPE_CHECKING:
    import pandas as pd

    from fibsem.search.sweep import Sweep
    from fibsem.training.material.material import Material
    from fibsem.training.planning.plan import Plan
    from fibsem.training.planning.worked import Worked


@dataclass(frozen=True, repr=False)
class SweepResult(Result[SweepSummary]):
    """A finished sweep.

    Attributes
    ----------
    uri
        Address of the MLflow store with its runs.

    Examples
    --------
    ```python
    found = api.sweep("demo", nbhd="33x33x3")
    found.study, found.best.params, found.trials
    ```
    """

    uri: str

    @property
    def study(self) -> str:
        """Name of the study, for ``study`` of :func:`promote`."""
        return self.contents.study

    @property
    def best(self) -> Best | None:
        """The best trial; None without one. Its figures are read by their keys, too."""
        return self.contents.best

    @property
    def trials(self) -> pd.DataFrame:
        """Table of all attempts: state, objective, hyperparameters."""
        import pandas as pd

        rows = read_json(self.place / "trials.json", trial_rows, remedy="sweep again")
        return pd.DataFrame([row.to_json() for row in rows])

    @property
    def text(self) -> str:
        """Number of trials, the best trial, and the command that shows all runs."""
        swept = self.contents
        best, counts, number = swept.best, swept.trials, swept.infeasible
        outcome = "no trial was completed"
        beyond = f", {number} beyond search.constraints" if number else ""
        if number and number == counts.complete:
            outcome = "none is within search.constraints"
        if best is not None:
            cost = best.seconds_per_gigapixel
            outcome = (
                f"best {swept.objectives[0]} {best.value:.4f}, validation mIoU "
                f"{best.val['miou']:.4f} on balanced pixels"
                f"{f' at {cost:.0f} s per gigapixel' if cost else ''} "
                f"with {run_name(best.params or {})}"
            )
        return (
            f"{counts.complete} trials, {counts.pruned} pruned{beyond}; {outcome}\n"
            f"{self.result_folder}/summary.json; compare the runs: mlflow ui --backend-store-uri "
            f"{hidden(self.uri)}"
        )

    def pictures(self) -> Iterable[bytes]:
        """Figures as PNG: history, importances, all trials, and the errors of the best ones."""
        names = ("history", "importance", "parallel_coordinates", "validation_squares")
        return files(self.place / "figures" / f"{name}.png" for name in names)


@completes("sweep")
@one_line_errors
@one_at_a_time
def sweep(
    dataset: str | Path | OpenDataset = "phantom",
    *,
    nbhd: str | None = None,
    model: str | None = None,
    experiment: str | None = None,
    output: str | Path | None = None,
    **options: Any,
) -> SweepResult:
    """Search hyperparameters; every trial is a run in MLflow.

    Parameters
    ----------
    dataset
        A dataset from :func:`open_dataset`, or its name or path.
    nbhd, model, experiment, output
        Keys of the command; None: its defaults, in ``conf/``.
    options
        Any other key of ``python -m fibsem.sweep`` but ``search.dry_run``.

    Raises
    ------
    UserError
        If an option or the dataset is wrong.

    Notes
    -----
    A script with ``search.workers`` or ``search.isolate`` must call this below
    ``if __name__ == "__main__":``, as with every library that starts processes.

    Examples
    --------
    ```python
    found = api.sweep("demo", nbhd="33x33x3", search={"trials": 8})
    found.trials.sort_values("val_all/miou", ascending=False)
    ```
    """
    tree = tree_of(
        "sweep", some_dataset(dataset), options,
        nbhd=nbhd, model=model, experiment=experiment, output=output,
    )  # fmt: skip
    dry = tree["search"]["dry_run"]
    require("search.dry_run", dry, dry is False, "false: it is an answer of the command line")
    return search(prepare(tree))


@dataclass(frozen=True)
class Prepared:
    """A sweep that was checked; ``began`` is the time of its start, by ``time.perf_counter``."""

    configuration: Configuration
    space: Space
    material: Material
    began: float

    @property
    def settings(self) -> SearchConfig:
        """Settings of the search, ``search.*``."""
        return self.configuration.search

    def plan(self, budget_s: float, began: float | None = None) -> Plan:
        """Plan trials and steps that fill a budget.

        ``began`` is earlier than this start by the time of former, interrupted starts.
        """
        from fibsem.search.budget.budget import plan_sweep

        began = self.began if began is None else began
        return plan_sweep(self.configuration, self.space, self.material, budget_s, began)

    def announce(self) -> None:
        """Print how long the sweep may take; with a budget, a dry run prints the plan."""
        budget = self.configuration.budget
        if not (budget.planned and self.material.config.spec.is_network):
            self._announce_unplanned()
        elif self.settings.dry_run and budget.seconds is not None:
            from fibsem.training.planning.sentence import sentence

            print(sentence(self.plan(budget.seconds)))

    def _announce_unplanned(self) -> None:
        """Print the expected time and, if that is long, faster alternatives.

        A dry run times a network of each architecture.
        """
        from fibsem.search.budget.brackets import rounds_of
        from fibsem.search.budget.lengths import said_of_all
        from fibsem.training.planning.estimate import estimate_training

        asked = self.settings
        by_brackets = asked.sampler == "hyperband"
        brackets = rounds_of(asked.trials, asked.hyperband_epochs)
        points = self.space.first_of_each()[1:] if asked.dry_run else []
        others = [self.configuration.with_values(point).run for point in points]
        materials = [self.material, *map(self.material.for_config, others)]
        timed = [estimate_training(material) for material in materials]
        for line in said_of_all(
            timed, asked.trials, asked.workers,
            planned=self.configuration.budget.planned, dry_run=asked.dry_run,
            rungs=tuple(brackets) if by_brackets else asked.rungs,
        ):  # fmt: skip
            print(line)


def prepare(tree: Tree) -> Prepared:
    """Check a sweep, open its data, and print its space and how long it may take."""
    began, typed = command_began(), Configuration(tree)
    configuration, space = typed.settled, read_space(tree)
    points = space.first_of_each()
    trainings = [configuration.with_values(point) for point in points]
    configs = [training.run for training in trainings]
    _check(configuration, space, configs)
    for line in (*typed.notes(space.axes), *trainings[0].typed_for_nothing(space.axes)):
        print(line)
    print(_described(space))

    from fibsem.data.doubts.idle_split import idle_split
    from fibsem.training.material.datasets import look_at, obtain

    dataset = obtain(configs[0].data, configs[0].split)
    for line in idle_split(dataset, trainings[0].typed):
        print(line)
    look_at(dataset, configs=configs)

    from fibsem.training.beginning.start import pinned
    from fibsem.training.material.material import Material
    from fibsem.training.scoring.scoring import check_scored

    scored = [config.spec for config in configs if config.train.scores_all]
    for setting, keys in configuration.search.figures.items():
        check_scored(setting, keys, scored, dataset)
    scalings = scalings_of(space, configuration.preprocess.scaling)
    configuration = pinned(configuration, *configs, dataset=dataset, scalings=scalings)
    material = Material(dataset, configuration.with_values(points[0]).run)
    prepared = Prepared(configuration, space, material, began)
    prepared.announce()
    return prepared


def _check(configuration: Configuration, space: Space, configs: Sequence[RunConfig]) -> None:
    """Check what needs no data; ``configs`` has one training of each architecture."""
    configuration.budget, configuration.study  # noqa: B018 - reads and checks them
    train = configs[0].train
    require("train.test", train.test, not train.test, "false: a sweep never sees the test squares")
    for setting, keys in configuration.search.figures.items():
        for key in keys:
            Objective.named(key, setting)
        check_figures(setting, keys, val_all=train.val_all)
    check_used({key: [config.why_unused(key) for config in configs] for key in space.axes})


def _described(space: Space) -> str:
    """Return name, size and cells of a space in a line."""
    size = "infinitely many points" if math.isinf(space.size) else f"{space.size:.0f} points"
    cells = f"{len(space.cells())} cells of {', '.join(space.enumerated)}"
    return f"space {space.name}: {size}, {cells}"


def search(prepared: Prepared) -> SweepResult:
    """Train the missing trials, in this process or in several."""
    from fibsem.search.budget.budget import values
    from fibsem.search.folder import begin_anew, study_name
    from fibsem.search.report import report_sweep
    from fibsem.search.sweep import Sweep
    from fibsem.search.workers.pace import budget_pace
    from fibsem.search.workers.workers import run_trials
    from fibsem.tracking.runs import Tracking
    from fibsem.training.planning.plan_file import PlanFile, work_of
    from fibsem.training.planning.planned import planned
    from fibsem.training.planning.worked import worked_on

    configuration, asked, material = prepared.configuration, prepared.settings, prepared.material
    tree, config, dataset = configuration.tree, material.config, material.dataset
    words, anew = (tree["model"]["name"], str(config.spec.nbhd)), configuration.overwrite
    folder = output_folder("sweep", tree, dataset.name, *words, data=dataset.hash)
    tracking = Tracking.open(config.tracking, dataset.name)
    file = PlanFile(folder, dataset.hash, work_of("sweep", config.spec))
    # read first, since the plan may lie in the folder that is emptied next
    path = configuration.budget.plan if config.spec.is_network else None
    named = None if path is None else file.named(path)
    if anew:
        with at_work(folder):
            begin_anew(study_name(configuration.study, folder), asked.storage, folder, tracking)
    shared = at_work(folder, shared=True)  # other processes may join the sweep
    budgeted, plan = configuration.budget.planned, None
    with shared, worked_on(folder, prepared.began, budgeted=budgeted, anew=anew) as worked:
        opened_s = worked.here_s  # the time that another process takes to plan is not ours
        with file.beginning() if budgeted or file.is_begun else nullcontext():
            if config.spec.is_network:
                configuration, plan = planned(
                    configuration, file, lambda seconds: prepared.plan(seconds, worked.began),
                    named=named, values=partial(values, halves=asked.backend == "optuna"),
                    spent_s=lambda: opened_s,
                )  # fmt: skip
            pace = budget_pace(
                plan, configuration.budget.seconds, worked.seconds, asked.max_seconds,
                strict=configuration.budget.strict, rungs=configuration.search.rungs,
            )  # fmt: skip
            if (said := repeats(prepared.space, configuration.search.drawn)) is not None:
                print(said)
            if len(asked.objectives) > 1 and "search.keep" in configuration.typed:
                print("search.keep does nothing: of several objectives no trial is the best one")
            sweep = Sweep.open(configuration, material, folder, tracking, pace)
        with closing(sweep.study):
            sweep.reconcile()
            run_trials(sweep, asked.workers)
            report_sweep(sweep)
            summary = _finished(sweep, plan, worked)
        write_json(folder / "summary.json", as_record(summary), again=False)
    return SweepResult(summary, folder, config.tracking.uri)


def _finished(sweep: Sweep, plan: Plan | None, worked: Worked) -> SweepSummary:
    """Return the summary of the sweep, with the plan and used time if there is a budget."""
    from fibsem.search.workers.pace import cut_of, settle_plan
    from fibsem.training.planning.account import budget_use

    seconds = worked.seconds_with(sweep.folder / "summary.json", worked=sweep.has_ended_any)
    summary = sweep.finish(seconds)
    if plan is None:
        return summary
    ended, cut = sweep.is_over(), None
    if ended:
        plan = settle_plan(plan, sweep.pace, sweep.study, sweep.folder)
    if sweep.configuration.budget.strict:
        now = sweep.study.outcomes()
        cut = cut_of(plan, now, sweep.wanted_epochs(now))
    used_s = worked.finish() if ended else worked.seconds
    use = budget_use(plan, used_s, cut, ended=ended)
    return replace(summary, plan=plan.to_json(), budget=use)
