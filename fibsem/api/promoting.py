"""Make the best trials a registered model: ``python -m fibsem.promote``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem.api.datasets import OpenDataset
from fibsem.api.models import LoadedModel, load_folder
from fibsem.api.options import completes, one_at_a_time, one_line_errors, some_dataset, tree_of
from fibsem.api.results import Result, files
from fibsem.api.segmenting import SegmentResult
from fibsem.config import (
    Configuration,
    PromoteConfig,
    RunConfig,
    Tree,
    command_line,
    output_folder,
    read_path,
    require,
)
from fibsem.data.dataset.split import SPLITS
from fibsem.errors import UserError
from fibsem.inference.options import KEYS
from fibsem.promotion.options import segmentation_of
from fibsem.system.advice import called, under
from fibsem.system.again import same_command
from fibsem.system.file_names import subfolder_of
from fibsem.system.files import read_json, write_json
from fibsem.system.locks import at_work
from fibsem.system.processes import command_began
from fibsem.system.records import as_record, typed
from fibsem.system.summaries import PromotionSummary, SegmentedFilm
from fibsem.system.summaries.promotion import OnLabelled

if TYPE_CHECKING:
    from fibsem.data.dataset.dataset import Dataset
    from fibsem.promotion.candidates import Candidates
    from fibsem.promotion.trials import Trial
    from fibsem.system.summaries.budget import BudgetUse
    from fibsem.tracking.runs import Tracking
    from fibsem.training.planning.plan import Plan
    from fibsem.training.planning.worked import Worked


@dataclass(frozen=True, repr=False)
class PromoteResult(Result[PromotionSummary]):
    """Result of a promotion: a model after its final training and test, registered in MLflow.

    Examples
    --------
    ```python
    promoted = api.promote("demo")
    promoted.version, promoted.champion, promoted.test_all.miou
    ```
    """

    @classmethod
    @one_line_errors
    def of_folder(cls, folder: str | Path) -> PromoteResult:
        """Return the result that lies in the folder of a finished promotion.

        Raises
        ------
        UserError
            If the folder holds none, or its record is damaged.
        """
        folder, parse = read_path(str(folder), "folder"), partial(typed, PromotionSummary)
        return cls(read_json(folder / "summary.json", of=parse, remedy="promote again"), folder)

    @property
    def run_id(self) -> str:
        """Id of the run of the final training in MLflow."""
        return str(self.contents.run_id)

    @property
    def version(self) -> str:
        """Version of the registered model, as a string."""
        return self.contents.version

    @property
    def champion(self) -> bool:
        """Whether the promoted model is the champion."""
        return bool(self.contents.champion)

    @property
    def reason(self) -> str:
        """Reason of the gate for making the model the champion, or not."""
        return self.contents.gate.reason

    @property
    def model(self) -> LoadedModel:
        """The promoted model, for :func:`segment`, whether it is the champion or not."""
        return load_folder(self.place / "bundle")

    @property
    def test_all(self) -> OnLabelled:
        """Metrics on every labelled test pixel, with post-processing; also by their keys."""
        return self.contents.test_all

    @property
    def segmentations(self) -> dict[str, SegmentResult]:
        """Segmentations of all samples, by name; empty with ``segment=False``."""
        folders = {n: subfolder_of(self.place / "volumes", n) for n in self.contents.samples}
        read = partial(read_json, of=SegmentedFilm.from_json, remedy="promote again")
        return {
            name: SegmentResult.of_folder(read(folder / "summary.json"), folder)
            for name, folder in folders.items()
        }

    @property
    def text(self) -> str:
        """Version, whether it is the champion and why, folder, and the command that uses it."""
        outcome = "is the champion now" if self.champion else "is registered, not champion"
        if (
            self.contents.gate.passed and not self.champion
        ):  # an earlier start made this version the champion
            outcome = "was made champion, which another version is by now"
        weights = [] if self.champion else [f"weights=models:/fibsem/{self.version}"]
        return (
            f"version {self.version} {outcome}: {self.reason}; {self.result_folder}/summary.json\n"
            f"label other films: {command_line('segment', ['volume=PATH', *weights])}"
        )

    def pictures(self) -> Iterable[bytes]:
        """Learning curve, post-processing search and reliability diagram, as PNG."""
        names = ("learning_curve", "surface", "reliability")
        return files(self.place / "figures" / f"{name}.png" for name in names)


@completes("promote")
@one_line_errors
@one_at_a_time
def promote(
    dataset: str | Path | OpenDataset = "phantom",
    *,
    study: str | list[str] | None = None,
    experiment: str | None = None,
    output: str | Path | None = None,
    **options: Any,
) -> PromoteResult:
    """Make the best of a dataset's trials a registered model, and the champion if it is better.

    Parameters
    ----------
    dataset
        A dataset from :func:`open_dataset`, or its name or path.
    study
        Name of the sweep, :attr:`SweepResult.study`; None: all sweeps of the dataset.
    experiment, output
        Keys of the command; None: its defaults, in ``conf/``.
    options
        Any other key of ``python -m fibsem.promote`` but ``rollback`` and ``history``.

    Raises
    ------
    UserError
        If an option or the dataset is wrong, or there are no trials.

    Examples
    --------
    ```python
    promoted = api.promote("demo", study=found.study)
    promoted.test_all.miou, promoted.segmentations["HPC30"].porosity
    ```
    """
    tree = tree_of(
        "promote", some_dataset(dataset), options,
        study=study, experiment=experiment, output=output,
    )  # fmt: skip
    for key in ("rollback", "history"):
        require(key, tree[key], not tree[key], "false: it is an answer of the command line")
    return run(tree)


def run(tree: Tree) -> PromoteResult:
    """Promote the best of a dataset's trials."""
    began = command_began()
    mixed = checked(configuration := Configuration(tree)).mixed
    for line in configuration.typed_for_nothing():
        print(line)

    from fibsem.data.doubts.idle_split import idle_split
    from fibsem.training.material.datasets import look_at, obtain

    dataset = obtain(configuration.data, configuration.split)
    for line in idle_split(dataset, configuration.typed):
        print(line)
    look_at(dataset, SPLITS)

    from fibsem.promotion.planning.pace import TimeLeft
    from fibsem.promotion.promotion import promote as promote_trials
    from fibsem.promotion.setting import Promotion
    from fibsem.tracking.runs import Tracking
    from fibsem.tracking.store import one_decision
    from fibsem.training.planning.worked import worked_on

    tracking = Tracking.open(configuration.tracking, dataset.name)
    with one_decision(tracking.uri):  # raises now if the gate could not decide at the end
        pass
    trials, candidates = _candidates(configuration, dataset, tracking)
    folder = output_folder("promote", tree, dataset.name, candidates.name)
    anew = configuration.overwrite
    working = worked_on(folder, began, budgeted=configuration.budget.planned, anew=anew)
    with at_work(folder), working as worked:
        configuration, plan = _planned(
            configuration, candidates, dataset, folder, worked, anew=anew
        )
        if not mixed:
            trials = trials[: configuration.rank.k]
        pace = TimeLeft(plan, lambda: worked.seconds) if configuration.budget.strict else TimeLeft()
        promotion = Promotion(configuration, dataset, folder, tracking, pace=pace)
        summary = promote_trials(promotion, trials)
        if plan is not None:
            use = _budget_use(configuration, len(trials), folder, plan, worked)
            summary = replace(summary, plan=plan.to_json(), budget=use)
            if plan.waiting_s and not configuration.promotion.segment:
                print(f"whole volumes wait: {same_command()} with segment=true segments them")
        write_json(folder / "summary.json", as_record(summary), again=False)
    return PromoteResult(summary, folder)


def _candidates(
    configuration: Configuration, dataset: Dataset, tracking: Tracking
) -> tuple[list[Trial], Candidates]:
    """Return the best trials of a dataset, and the candidates that they are for a promotion.

    The settings of final trainings are read here, so that errors in ``final`` are raised before
    the ranking, not after it.
    """
    from fibsem.promotion.candidates import Candidates
    from fibsem.promotion.final import final_configuration
    from fibsem.promotion.trials import best_trials

    asked = configuration.promotion
    trials = best_trials(
        tracking, dataset, configuration.rank, asked.study, asked.max_seconds_per_gigapixel,
        each_architecture=asked.mixed,
    )  # fmt: skip
    finals = [
        final_configuration(trial.tree, configuration.tree, configuration.seed).run
        for trial in trials
    ]
    if asked.mixed:
        check_mixture(finals)
    pairs = zip(trials, finals, strict=True)
    return trials, Candidates([trial.candidate(final) for trial, final in pairs])


def _planned(
    configuration: Configuration, candidates: Candidates, dataset: Dataset,
    folder: Path, worked: Worked, *, anew: bool,
) -> tuple[Configuration, Plan | None]:  # fmt: skip
    """Apply the plan of a budget to a configuration; without a budget, print an estimate.

    Returns the configuration and the plan, or None without one.
    """
    from fibsem.promotion.final import share_for_nothing
    from fibsem.promotion.planning.budget import plan_promotion, values
    from fibsem.promotion.planning.estimate import foretold
    from fibsem.training.planning.plan_file import PlanFile, work_of
    from fibsem.training.planning.planned import planned, say_unplanned

    finals, slowest, plan = candidates.finals, candidates.slowest, None
    # postponed volumes are asked for, or an earlier start has begun them
    typed = {
        *configuration.typed,
        *(["segment"] if (folder / "volumes").is_dir() and not anew else []),
    }
    if slowest is None:
        say_unplanned(configuration, finals[0].spec)
    else:
        file = PlanFile(
            folder, dataset.hash, work_of("promote", finals[slowest].spec),
            of=" ".join([candidates.name, *_typed_of_plan(configuration)]), anew=anew,
        )  # fmt: skip
        configuration, plan = planned(
            configuration, file,
            partial(plan_promotion, configuration, candidates, dataset, worked.began),
            values=partial(values, mixed=configuration.promotion.mixed, typed=typed),
            spent_s=lambda: worked.here_s,
        )  # fmt: skip
        said = None if plan else foretold(configuration, candidates, dataset)
        if said:
            print(said)
    if said := share_for_nothing(configuration, finals):
        print(said)
    return configuration, plan


def _typed_of_plan(configuration: Configuration) -> list[str]:
    """Return the typed overrides of ranking and volumes; a plan may reduce all other ones."""
    keys = ("rank.k", "rank.seeds", "candidates", "segment")
    return [f"{key}={configuration.typed[key]}" for key in keys if key in configuration.typed]


def _budget_use(
    configuration: Configuration, trials: int, folder: Path, plan: Plan, worked: Worked
) -> BudgetUse:
    """Return the used time of a budget, and what a hard budget has cut off."""
    from fibsem.promotion.planning.budget import cut_of
    from fibsem.training.planning.account import budget_use

    again = configuration.rank.seeds * trials if trials > 1 else 0
    cut = cut_of(plan, folder, again) if configuration.budget.strict else None
    return budget_use(plan, worked.finish(), cut)


def check_mixture(configs: Sequence[RunConfig]) -> None:
    """Refuse ensemble members whose scores cannot be averaged, or only in hours.

    Raises
    ------
    UserError
        If the members differ in preprocessing, or a network has no dense form.
    """
    recipes = {str(config.preprocess) for config in configs}
    if len(recipes) > 1:
        raise UserError(
            "`ensemble_of=architectures` needs trials with one preprocess, but got "
            f"{', '.join(sorted(recipes))}; study= names those that have."
        )
    for spec in (config.spec for config in configs if config.spec.is_network):
        if not spec.convertible:
            raise UserError(
                "`ensemble_of=architectures` needs networks with a dense form, but got "
                f"{spec.name} with model.padding={spec.padding}; study= names sweeps of others."
            )


def checked(configuration: Configuration) -> PromoteConfig:
    """Check all settings of a promotion before anything is opened; return the main ones."""
    for key in ("budget", "data", "split", "tracking", "rank", "final", "gate", "postprocessing"):
        getattr(configuration, key)  # reads and checks it
    with called(under("segmentation", KEYS)):
        options = segmentation_of(configuration)
        options.check_members(configuration.promotion.ensemble, "ensemble=5")
    return configuration.promotion
