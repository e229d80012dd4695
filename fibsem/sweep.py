"""``python -m fibsem.sweep``: search hyperparameters, every trial a run in MLflow."""

from __future__ import annotations

import math
import time
from contextlib import closing

from fibsem.config import RunConfig, SearchConfig, Tree, output_folder, read, require, run_command
from fibsem.search.space import read_space
from fibsem.system.files import write_json
from fibsem.system.locks import at_work


def main(tree: Tree) -> None:
    """Search, or say what a search would take."""
    config = RunConfig.of(tree)
    search = read(SearchConfig, tree["search"], "search")
    unseen = not config.train.test
    require("train.test", config.train.test, unseen, "false: a sweep never sees the test squares")
    named = tree["study"] is None or (isinstance(tree["study"], str) and len(tree["study"]) <= 500)
    require("study", tree["study"], named, "a text of at most 500 letters")
    space = read_space(tree)
    size = "infinitely many points" if math.isinf(space.size) else f"{space.size:.0f} points"
    print(
        f"space {space.name}: {size}, {len(space.cells())} cells of {', '.join(space.enumerated)}"
    )

    from fibsem.training.datasets import obtain

    dataset = obtain(config.data, config.split)

    from fibsem.search.executors import InProcess
    from fibsem.search.folder import begin_anew
    from fibsem.search.report import report_sweep
    from fibsem.search.sweep import Sweep
    from fibsem.search.workers import run_workers
    from fibsem.system.progress import Progress
    from fibsem.tracking.runs import Tracking
    from fibsem.training.estimate import duration, estimate_training
    from fibsem.training.material import Material

    started = time.perf_counter()
    material = Material.of(dataset, config)
    estimate = estimate_training(material)
    print(estimate.sentence())
    if search.dry_run:
        total = search.trials * estimate.trial_s / search.workers
        how = f"with search.workers={search.workers}"
        print(f"{search.trials} trials: {duration(total)} at most {how}")
        return
    folder = output_folder("sweep", tree, dataset.name, config.spec.name, str(config.spec.nbhd))
    tracking = Tracking.open(config.tracking, dataset.name)
    if tree["overwrite"]:
        with at_work(folder):
            begin_anew(tree, folder, tracking)
    with at_work(folder, shared=True):  # the same sweep elsewhere joins
        sweep = Sweep.open(tree, dataset, folder, tracking)
        with closing(sweep.study):
            sweep.reconcile()
            with (
                Progress("trials") as progress,
                tracking.cut_off(sweep.parent, sweep.is_shared),
                tracking.system_metrics(sweep.parent),
            ):
                if search.workers > 1:
                    run_workers(sweep, tree, search.workers, progress)
                else:
                    sweep.work(sweep.executor(lambda: InProcess(material, tracking)), progress)
            report_sweep(sweep)
            record = {
                "dataset": dataset.name,
                "data": dataset.hash,
                "command": tree.get("command"),
                **sweep.finish(time.perf_counter() - started),
            }
        write_json(folder / "summary.json", record)
    best, counts = record["best"], record["trials"]
    found = "no trial was completed"
    if best is not None:
        found = (
            f"best {record['objectives'][0]} {best['value']:.4f}, validation mIoU "
            f"{best['val']['miou']:.4f} with {best['params']}"
        )
    print(
        f"{counts['complete']} trials, {counts['pruned']} pruned; {found}\n{folder}/summary.json; "
        f"compare the runs: mlflow ui --backend-store-uri {config.tracking.uri}"
    )


if __name__ == "__main__":
    run_command("sweep", main)
