"""Train one network: ``python -m fibsem.train``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem.api.datasets import OpenDataset
from fibsem.api.models import LoadedModel, load_folder
from fibsem.api.options import completes, one_at_a_time, one_line_errors, some_dataset, tree_of
from fibsem.api.results import Result
from fibsem.config import (
    Configuration,
    TrainConfig,
    Tree,
    as_typed,
    command_line,
    output_folder,
    why_no_unet,
)
from fibsem.data.dataset.split import SPLITS
from fibsem.system.files import write_json
from fibsem.system.locks import at_work
from fibsem.system.processes import command_began
from fibsem.tracking import names
from fibsem.training.summary import TrainingSummary

if TYPE_CHECKING:
    from fibsem.system.progress import Progress
    from fibsem.tracking.runs import Tracking
    from fibsem.training.material.material import Material
    from fibsem.training.planning.plan import Plan
    from fibsem.training.planning.worked import Worked
    from fibsem.training.results import Epoch, TrialResult
    from fibsem.training.steps.fit import Trained
    from fibsem.training.steps.learner import Learner


@dataclass(frozen=True, repr=False)
class TrainResult(Result[TrainingSummary]):
    """A trained network and its scores on the validation squares.

    Examples
    --------
    ```python
    trained = api.train("demo", nbhd="33x33x3")
    trained.val["miou"], trained.run_id
    ```
    """

    @property
    def run_id(self) -> str:
        """Id of the run in MLflow."""
        return self.contents.run_id

    @property
    def val(self) -> dict[str, float]:
        """``miou``, ``accuracy`` and ``loss`` on the balanced validation pixels."""
        return dict(self.contents.val)

    @property
    def val_all(self) -> dict[str, float] | None:
        """Metrics of all labelled validation pixels at the best threshold, or None."""
        figures = self.contents.val_all
        return None if figures is None else dict(figures)

    @property
    def model(self) -> LoadedModel:
        """The network with its best validation threshold, for :func:`segment`; untested."""
        return load_folder(self.place)

    @property
    def text(self) -> str:
        """Validation scores, the folder, and the command that uses the network."""
        weights = as_typed("weights", str(self.result_folder))
        return (
            f"validation {_scores(self.val, self.val_all)}, after {self.contents.epochs} epochs; "
            f"{self.result_folder}/summary.json\n"
            f"label a film with it: {command_line('segment', ['volume=PATH', weights])}"
        )

    def pictures(self) -> Iterable[bytes]:
        """Validation loss and mIoU by epoch, as PNG."""
        from fibsem.analysis import figures

        epochs = [epoch.val for epoch in self.contents.history]
        curves = {key: [val[key] for val in epochs] for key in ("loss", "miou")}
        yield figures.png(figures.learning_curves({"validation": curves}))


def _scores(val: dict[str, float], val_all: dict[str, float] | None) -> str:
    """Return validation scores in one line.

    A rare class is half of the balanced pixels, so that mIoU is much higher on them.
    """
    balanced = (
        f"{val['miou']:.4f} on balanced pixels (accuracy {val['accuracy']:.4f}, "
        f"loss {val['loss']:.4f})"
    )
    if val_all is None:
        return f"mIoU {balanced}"
    error = f" ± {val_all['miou_se']:.4f}" if "miou_se" in val_all else ""
    return f"mIoU {val_all['miou']:.4f}{error} of the labelled pixels, {balanced}"


@completes("train")
@one_line_errors
@one_at_a_time
def train(
    dataset: str | Path | OpenDataset = "phantom",
    *,
    nbhd: str | None = None,
    model: str | None = None,
    experiment: str | None = None,
    seed: int | None = None,
    output: str | Path | None = None,
    **options: Any,
) -> TrainResult:
    """Train one network and score it on the validation squares.

    Parameters
    ----------
    dataset
        A dataset from :func:`open_dataset`, or its name or path.
    nbhd, model, experiment, seed, output
        Keys of the command; None: its defaults, in ``conf/``.
    options
        Any other key of ``python -m fibsem.train``.

    Raises
    ------
    UserError
        If an option or the dataset is wrong.

    Examples
    --------
    ```python
    api.train("demo", nbhd="33x33x3", train={"steps": 200}).val["miou"]
    ```
    """
    tree = tree_of(
        "train", some_dataset(dataset), options,
        nbhd=nbhd, model=model, experiment=experiment, seed=seed, output=output,
    )  # fmt: skip
    return run(tree)


def run(tree: Tree) -> TrainResult:
    """Train one configuration."""
    began = command_began()
    configuration = Configuration(tree)
    config, budget = configuration.run, configuration.budget

    from fibsem.data.doubts.idle_split import idle_split
    from fibsem.training.beginning.start import pinned
    from fibsem.training.material.datasets import look_at, obtain
    from fibsem.training.material.material import Material
    from fibsem.training.planning.worked import worked_on

    for line in configuration.typed_for_nothing():
        print(line)
    if said := why_no_unet(configuration.typed, config.spec.name):
        print(said)
    dataset = obtain(config.data, config.split)
    for line in idle_split(dataset, configuration.typed):
        print(line)
    needed = SPLITS if config.train.test else SPLITS[:2]
    look_at(dataset, needed, [config])
    configuration = pinned(configuration, dataset=dataset)
    config, anew = configuration.run, configuration.overwrite
    words = config.spec.name, str(config.spec.nbhd)
    folder = output_folder("train", configuration.tree, dataset.name, *words, data=dataset.hash)
    working = worked_on(folder, began, budgeted=budget.planned, anew=anew)
    with at_work(folder), working as worked:
        return _train(configuration, Material(dataset, config), folder, worked)


@dataclass(frozen=True)
class _Planned:
    """A training before its first step: planned configuration, plan, and the timed network.

    ``left_s`` returns the seconds that a hard budget leaves for its epochs.
    """

    configuration: Configuration
    plan: Plan | None = None
    learner: Learner | None = None
    left_s: Callable[[], float] | None = None


def _train(
    configuration: Configuration, material: Material, folder: Path, worked: Worked
) -> TrainResult:
    from fibsem.tracking.runs import Tracking
    from fibsem.training.planning.account import budget_use, cut_off

    anew = configuration.overwrite
    tracking = Tracking.open(configuration.tracking, material.dataset.name)
    start = _planned(configuration, material, folder, worked)
    begins = anew or not (folder / "result.json").is_file()
    material = material.for_config(start.configuration.run)
    result, trained = _run(start, material, folder, tracking, begins)
    _keep(start.configuration.command, material, folder, result, trained)
    seconds = worked.seconds_with(folder / "summary.json", worked=begins)
    summary = TrainingSummary(**vars(result), seconds=seconds)
    if start.plan is not None:
        cut = (
            cut_off(start.plan, [result.whole_epochs])
            if start.configuration.budget.strict
            else None
        )
        use = budget_use(start.plan, worked.finish(), cut)
        summary = replace(summary, plan=start.plan.to_json(), budget=use)
    write_json(folder / "summary.json", summary.to_json(), again=False)
    return TrainResult(summary, folder)


def _planned(
    configuration: Configuration, material: Material, folder: Path, worked: Worked
) -> _Planned:
    """Turn a budget into a plan, or continue the one in the folder.

    Models that are not networks have no plan.
    """
    from fibsem.training.planning.budgeting import plan_trainings
    from fibsem.training.planning.left import left_for_each
    from fibsem.training.planning.plan_file import PlanFile, work_of
    from fibsem.training.planning.planned import planned, say_unplanned
    from fibsem.training.planning.probing import probe
    from fibsem.training.steps.learner import Learner

    spec = material.config.spec
    if not spec.is_network:
        say_unplanned(configuration, spec)
        return _Planned(configuration)
    learner: Learner | None = None

    def make(budget_s: float) -> Plan:
        nonlocal learner
        material.greys  # noqa: B018 - read now, so that the plan only has the time that is left
        learner = Learner.of(material.config)
        probed = probe(material, budget_s, learner)
        return plan_trainings(probed, budget_s, worked.seconds, file.data, traced=True)

    of_command, anew = work_of("train", spec), configuration.overwrite
    file = PlanFile(folder, material.dataset.hash, of_command, anew=anew)
    configuration, plan = planned(configuration, file, make, spent_s=lambda: worked.here_s)
    if plan is None or not configuration.budget.strict:
        return _Planned(configuration, plan, learner)
    return _Planned(configuration, plan, learner, lambda: left_for_each(plan, worked.seconds))


def _run(
    start: _Planned, material: Material, folder: Path, tracking: Tracking, begins: bool
) -> tuple[TrialResult, Trained | None]:
    """Train, or read the result of an earlier start.

    Returns the result, and the trained network, or None if the result was read.
    """
    from fibsem.system.progress import Progress
    from fibsem.training.job import Job
    from fibsem.training.planning.instead import is_surely_short, said_first
    from fibsem.training.run import run_job

    said = said_first(material) if start.plan is None and begins else None
    if said:
        print(said)
    foreseen = start.plan is not None or not is_surely_short(material)
    job = Job(
        configuration=start.configuration,
        folder=folder,
        name=material.config.name,
        tags={names.COMMAND: names.TRAIN},
        overwrite="always" if start.configuration.overwrite else "never",
        left_s=start.left_s,
    )
    with Progress("epochs") as progress:
        show = partial(_show, progress, job.config.train, foreseen)
        return run_job(job, material, tracking, show, start.learner)


def _keep(
    command: str | None, material: Material, folder: Path, result: TrialResult,
    trained: Trained | None,
) -> None:  # fmt: skip
    """Write the bundle of a network, or check an existing one.

    Raises
    ------
    UserError
        If the existing bundle does not fit its weights.
    """
    from fibsem import models
    from fibsem.tracking.bundle import load_bundle
    from fibsem.training.bundling import is_described, write_bundle

    if trained is not None or not is_described(folder, material.dataset):
        model = trained.model if trained else models.load(material.config.spec, folder)
        write_bundle(folder, material, model, result, command)
    else:
        load_bundle(folder, "output")


def _show(progress: Progress, train: TrainConfig, foreseen: bool, epoch: Epoch) -> None:
    """Show an epoch; after the first one also the expected duration, if none was printed before."""
    from fibsem.training.planning.budgeting import forecast

    text = f"loss {epoch.val['loss']:.4f}, mIoU {(epoch.val_all or epoch.val)['miou']:.4f}"
    progress(text, epoch.epoch + 1, train.epochs)
    if epoch.epoch == 0 and not foreseen and (said := forecast(epoch, train)):
        print(said)
