"""Train and score one configuration with several seeds: ``python -m fibsem.evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibsem.analysis.statistics import Spread
from fibsem.api.datasets import OpenDataset
from fibsem.api.options import completes, one_at_a_time, one_line_errors, some_dataset, tree_of
from fibsem.api.results import Result, files
from fibsem.config import (
    Configuration,
    EvaluateConfig,
    Tree,
    output_folder,
    require,
    why_no_unet,
)
from fibsem.data.dataset.split import SPLITS
from fibsem.evaluation.names import FIGURES
from fibsem.system.file_names import part_name, visible
from fibsem.system.files import write_json
from fibsem.system.locks import alone, at_work, make_folder
from fibsem.system.processes import command_began
from fibsem.system.records import as_record
from fibsem.system.summaries.evaluation import EvaluationSummary

if TYPE_CHECKING:
    import pandas as pd

    from fibsem.data.dataset.dataset import Dataset
    from fibsem.tracking.runs import Tracking
    from fibsem.training.planning.plan import Plan
    from fibsem.training.planning.worked import Worked


@dataclass(frozen=True, repr=False)
class EvaluateResult(Result[EvaluationSummary]):
    """A configuration's scores on train, validation and test squares, over several seeds.

    Examples
    --------
    ```python
    network = api.evaluate("demo", nbhd="33x33x3", seeds=3)
    network.test["miou"].mean, network.metrics("test_all")["porosity"].std
    ```
    """

    @property
    def run_id(self) -> str:
        """Id of the parent run in MLflow, whose children are the seeds."""
        return str(self.contents.run_id)

    def metrics(self, group: str) -> dict[str, Spread]:
        """Mean and standard deviation over the seeds of every metric of a group.

        Parameters
        ----------
        group
            A group of figures: ``val`` or ``test``, on balanced pixels; ``test_all``, on all
            labelled pixels; ``test_chosen``, at the threshold chosen on validation; ``test_truth``.
        """
        if group not in self.contents.groups:
            choices = ", ".join(self.contents.groups)
            require("group", group, False, f"one of {choices}")
        return self.contents.spreads(group)

    def figures(self, group: str) -> dict[str, Spread]:
        """Former name of :meth:`metrics`."""
        return self.metrics(group)

    @property
    def val(self) -> dict[str, Spread]:
        """``miou``, ``accuracy`` and ``loss`` on the balanced validation pixels."""
        return self.metrics("val")

    @property
    def test(self) -> dict[str, Spread]:
        """``miou``, ``accuracy`` and ``loss`` on the balanced test pixels."""
        return self.metrics("test")

    @property
    def runs(self) -> pd.DataFrame:
        """Table of all seeds: run in MLflow, cost and metrics."""
        import pandas as pd

        return pd.json_normalize([as_record(run) for run in self.contents.runs], sep="/")

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Tables over all evaluations of the dataset in neighbouring folders, by file name."""
        from fibsem.analysis.encoding import read_table

        return {path.stem: read_table(path) for path in visible(_tables_of(self), "*.csv")}

    @property
    def text(self) -> str:
        """Validation and test mIoU, and the paths of summary and tables."""
        from fibsem.evaluation.comparison import ends_of, finished_cells

        summary, number = self.contents, len(self.contents.runs)
        test = ""
        if "test_chosen" in summary.groups:
            test = f", test mIoU {self.metrics('test_chosen')['miou']} of the labelled pixels,"
        tables = tables_folder(self.result_folder, str(summary.dataset))
        beside = len(finished_cells((self._made_in / self.folder).parent, str(summary.data)))
        return "\n".join([
            f"{summary.model} {summary.nbhd}: validation mIoU {self.val['miou']} on balanced "
            f"pixels{test} over {number} seeds; "
            f"{self.result_folder}/summary.json",
            *ends_of(summary.runs),
            f"{beside} evaluations of {summary.dataset} in {tables}",
        ])  # fmt: skip

    def pictures(self) -> Iterable[bytes]:
        """Learning curves, the network and its maps, as PNG."""
        return files(self.place / "figures" / f"{name}.png" for name in FIGURES)


def _tables_of(result: EvaluateResult) -> Path:
    """Return the folder of tables, in any working directory."""
    return tables_folder(result.place, str(result.contents.dataset))


def tables_folder(folder: Path, dataset: str) -> Path:
    """Return the folder of tables over all evaluations of a dataset, beside their folders."""
    return folder.parent / f"tables-{part_name(dataset)}"


@completes("evaluate")
@one_line_errors
@one_at_a_time
def evaluate(
    dataset: str | Path | OpenDataset = "phantom",
    *,
    nbhd: str | None = None,
    model: str | None = None,
    experiment: str | None = None,
    seeds: int | None = None,
    output: str | Path | None = None,
    **options: Any,
) -> EvaluateResult:
    """Train one configuration with several seeds, and score each on every split.

    Parameters
    ----------
    dataset
        A dataset from :func:`open_dataset`, or its name or path.
    nbhd, model, experiment, seeds, output
        Keys of the command; None: its defaults, in ``conf/``.
    options
        Any other key of ``python -m fibsem.evaluate`` but ``compare``, which is :func:`compare`.

    Raises
    ------
    UserError
        If an option or the dataset is wrong.

    Examples
    --------
    ```python
    scored = api.evaluate("demo", nbhd="33x33x3", seeds=3)
    scored.test["miou"].mean, scored.metrics("test_all")["miou"].std
    ```
    """
    tree = tree_of(
        "evaluate", some_dataset(dataset), options,
        nbhd=nbhd, model=model, experiment=experiment, seeds=seeds, output=output,
    )  # fmt: skip
    compared = tree["compare"]
    require("compare", compared, compared is None, "none: it is a function of its own, api.compare")
    return run(tree)


def checked(configuration: Configuration) -> EvaluateConfig:
    """Check the settings of an evaluation before anything is opened, and return its own ones."""
    configuration.budget  # noqa: B018 - reads and checks it
    return configuration.evaluation


def run(tree: Tree) -> EvaluateResult:
    """Evaluate one configuration."""
    began = command_began()
    configuration = Configuration(tree)
    settings, config = checked(configuration), configuration.run

    from fibsem.data.doubts.idle_split import idle_split
    from fibsem.training.beginning.start import pinned
    from fibsem.training.material.datasets import look_at, obtain
    from fibsem.training.planning.worked import worked_on

    for line in configuration.typed_for_nothing():
        print(line)
    if said := why_no_unet(configuration.typed, config.spec.name):
        print(said)
    dataset = obtain(config.data, config.split)
    for line in idle_split(dataset, configuration.typed):
        print(line)
    look_at(dataset, SPLITS, [config])
    configuration, spec = pinned(configuration, dataset=dataset), config.spec
    folder = output_folder(
        "evaluate", configuration.tree, dataset.name, spec.name, str(spec.nbhd), data=dataset.hash
    )
    budgeted, anew = configuration.budget.planned, configuration.overwrite
    with (
        at_work(folder),
        worked_on(folder, began, budgeted=budgeted, anew=anew) as worked,
    ):
        return EvaluateResult(_evaluate(configuration, settings, dataset, folder, worked), folder)


def _evaluate(
    configuration: Configuration,
    config: EvaluateConfig,
    dataset: Dataset,
    folder: Path,
    worked: Worked,
) -> EvaluationSummary:
    """Evaluate and return the summary, or read that of a finished evaluation."""
    from fibsem.evaluation.folder import completing, finished, settle
    from fibsem.tracking.runs import Tracking
    from fibsem.training.planning.planned import say_unplanned

    tracking, plan = Tracking.open(configuration.run.tracking, dataset.name), None
    if not configuration.run.spec.is_network:
        say_unplanned(configuration, configuration.run.spec)
    elif configuration.budget.planned:
        configuration, plan = _planned(configuration, config, dataset, folder, worked)
    settle(folder, configuration.tree, dataset.digests, tracking, overwrite=configuration.overwrite)
    earlier = finished(folder, configuration.seeds)
    if earlier is not None and _is_in_store(earlier, tracking):
        print(f"{folder} is finished, and not run again")
        worked.only_look()
        return earlier

    from fibsem.evaluation.comparison import draw_cell
    from fibsem.evaluation.protocol import Evaluation
    from fibsem.system.progress import Progress
    from fibsem.training.material.material import Material
    from fibsem.training.planning.instead import said_first

    make_folder(tables_folder(folder, dataset.name))  # an error must be raised before training
    material = Material(dataset, configuration.run)
    if plan is None and (said := said_first(material, len(configuration.seeds))):
        print(said)
    evaluation = Evaluation(
        configuration, material, folder, tracking, config.patch_limit,
        _left_s(plan, worked) if configuration.budget.strict else None,
    )  # fmt: skip
    with Progress("seeds") as progress:
        summary = evaluation.run(progress)
    pictures = draw_cell(folder, summary.seeds, material)
    summary = _with_time(summary, folder, plan, worked, strict=configuration.budget.strict)
    with completing(folder):
        write_json(folder / "summary.json", as_record(summary), again=False)
        _over_all(folder, dataset, tracking, str(summary.run_id), pictures)
    return summary


def _with_time(
    summary: EvaluationSummary, folder: Path, plan: Plan | None, worked: Worked, *, strict: bool
) -> EvaluationSummary:
    """Return a summary with its time, and plan and used time of a budget."""
    from fibsem.evaluation.folder import whole_epochs
    from fibsem.training.planning.account import budget_use, cut_off

    seconds = worked.seconds_with(folder / "summary.json", worked=True)
    summary = replace(summary, seconds=seconds)
    if plan is None:
        return summary
    used_s = worked.finish()
    cut = cut_off(plan, whole_epochs(folder, summary.seeds)) if strict else None
    return replace(summary, plan=plan.to_json(), budget=budget_use(plan, used_s, cut))


def _left_s(plan: Plan | None, worked: Worked) -> Callable[[int], float] | None:
    """Return a function from the number of finished trainings to the seconds of each other one."""
    from fibsem.training.planning.left import left_for_each

    return None if plan is None else lambda finished: left_for_each(plan, worked.seconds, finished)


def _is_in_store(summary: EvaluationSummary, tracking: Tracking) -> bool:
    """Return whether the store has the run of a finished evaluation; if not, it is logged again."""
    return summary.run_id is None or tracking.find(summary.run_id) is not None


def _over_all(
    folder: Path, dataset: Dataset, tracking: Tracking, run_id: str, pictures: list[Path]
) -> None:
    """Write tables and figures over all evaluations of the dataset, and log them with the run.

    A lock serialises evaluations that end at once, so that the last one includes all of them.
    """
    from fibsem.evaluation.comparison import write_over_all

    tables = tables_folder(folder, dataset.name)
    with alone(tables / ".lock"):
        written, drawn = write_over_all(folder.parent, dataset.hash, tables)
        for path in (*pictures, *drawn):
            tracking.log_file(run_id, path, "figures")
        for path in written:
            tracking.log_file(run_id, path, "tables")


def _planned(
    configuration: Configuration,
    config: EvaluateConfig,
    dataset: Dataset,
    folder: Path,
    worked: Worked,
) -> tuple[Configuration, Plan | None]:
    """Return the configuration with the steps that fit the budget, and the plan."""
    from fibsem.evaluation.protocol import plan_evaluation
    from fibsem.training.material.material import Material
    from fibsem.training.planning.plan_file import PlanFile, work_of
    from fibsem.training.planning.planned import planned

    material, seeds = Material(dataset, configuration.run), len(configuration.seeds)

    def make(budget_s: float) -> Plan:
        return plan_evaluation(material, seeds, config.patch_limit, budget_s, worked.began)

    of_command = work_of("evaluate", configuration.run.spec)
    file = PlanFile(folder, dataset.hash, of_command, anew=configuration.overwrite)
    return planned(configuration, file, make, spent_s=lambda: worked.here_s)
