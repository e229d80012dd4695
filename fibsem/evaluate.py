"""``python -m fibsem.evaluate``: one configuration with several seeds; tables over all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from fibsem.config import (
    Budget,
    EvaluateConfig,
    RunConfig,
    Tree,
    output_folder,
    read,
    read_path,
    run_command,
)
from fibsem.data.dataset import Dataset
from fibsem.errors import UserError
from fibsem.system.file_names import file_name
from fibsem.system.files import write_json
from fibsem.system.locks import at_work

if TYPE_CHECKING:
    from fibsem.training.plan import Plan


def main(tree: Tree) -> None:
    """Evaluate one configuration, or compare two that are finished."""
    started = time.perf_counter()
    read(EvaluateConfig, tree["evaluation"], "evaluation")
    Budget.of(tree)
    if tree["compare"] is not None:
        _compare(tree)
        return
    config = RunConfig.of(tree)

    from fibsem.training.datasets import obtain

    dataset = obtain(config.data, config.split)
    spec = config.spec
    folder = output_folder("evaluate", tree, dataset.name, spec.name, str(spec.nbhd))
    with at_work(folder):
        _evaluate(tree, config, dataset, folder, started)


def _evaluate(
    tree: Tree, config: RunConfig, dataset: Dataset, folder: Path, started: float
) -> None:
    from fibsem.evaluation.folder import finished, settle
    from fibsem.tracking.runs import Tracking

    how = read(EvaluateConfig, tree["evaluation"], "evaluation")
    tracking = Tracking.open(config.tracking, dataset.name)
    plan = None
    if Budget.of(tree).planned and config.spec.is_network:
        tree, plan = _planned(tree, config, dataset, folder, started)
    settle(folder, tree, dataset.digests, tracking, overwrite=tree["overwrite"])
    if (known := finished(folder, tree)) is not None:
        print(f"{folder} is finished: validation mIoU {_miou(known)}")
        return

    from fibsem.evaluation.comparison import draw_cell, draw_cells, finished_cells, write_tables
    from fibsem.evaluation.protocol import Evaluation
    from fibsem.system.progress import Progress
    from fibsem.training.material import Material

    material = Material.of(dataset, RunConfig.of(tree))
    evaluation = Evaluation(tree, material, folder, tracking, how.patch_limit)
    with Progress("seeds") as progress:
        record = evaluation.run(progress)
    pictures = draw_cell(folder, material)
    used_s = time.perf_counter() - started
    about = {"command": tree.get("command"), "seconds": used_s}
    if plan is not None:
        about |= plan.told(used_s)
    write_json(folder / "summary.json", {**record, **about})
    cells = finished_cells(folder.parent, dataset.hash)
    tables = folder.parent / f"tables-{file_name(dataset.name)}"
    files = write_tables(cells, tables)
    for path in (*pictures, *draw_cells(cells, tables)):
        tracking.log_file(record["run_id"], path, "figures")
    for path in files:
        tracking.log_file(record["run_id"], path, "tables")
    spec = config.spec
    print(
        f"{spec.name} {spec.nbhd}: validation mIoU {_miou(record)} over {tree['seeds']} seeds; "
        f"{folder}/summary.json\n{len(cells)} evaluations of {dataset.name} in {tables}"
    )


def _planned(
    tree: Tree, config: RunConfig, dataset: Dataset, folder: Path, started: float
) -> tuple[Tree, Plan | None]:
    """The configuration with what the budget pays for."""
    from fibsem.evaluation.protocol import plan_evaluation
    from fibsem.training.material import Material
    from fibsem.training.plan import planned

    material, limit = Material.of(dataset, config), tree["evaluation"]["patch_limit"]

    def make(budget_s: float) -> Plan:
        return plan_evaluation(material, tree["seeds"], limit, budget_s, started)

    return planned(tree, folder, dataset.hash, make, anew=tree["overwrite"])


def _compare(tree: Tree) -> None:
    folders = tree["compare"]
    if not isinstance(folders, list) or len(folders) != 2:
        raise UserError(f"`compare` must name two folders, compare=[A,B], but got {folders}.")

    from fibsem.evaluation.comparison import compare

    first, second = (read_path(folder, "compare") for folder in folders)
    record = compare(first, second)
    folder = output_folder("evaluate", tree, "compare")
    write_json(folder / "summary.json", record)
    print(f"test mIoU of {record['first']} minus {record['second']}, 95 % interval:")
    for what in ("squares", "seeds"):
        row = record[what]
        p = "too few for a test" if row["p_value"] is None else f"p = {row['p_value']:.3g}"
        print(
            f"  over {row['pairs']} {what}: {row['mean']:+.4f} [{row['low']:+.4f}, "
            f"{row['high']:+.4f}], {row['test']}: {p}"
        )
    print(f"{folder}/summary.json")


def _miou(record: dict[str, dict[str, dict[str, float]]]) -> str:
    spread = record["val"]["miou"]
    std = spread["std"]
    return f"{spread['mean']:.4f}" + (f" ± {std:.4f}" if std is not None and std == std else "")


if __name__ == "__main__":
    run_command("evaluate", main)
