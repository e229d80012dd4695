"""``python -m fibsem.sweep``: search hyperparameters, every trial a run in MLflow."""

from __future__ import annotations

import math

from fibsem.config import RunConfig, SearchConfig, Tree, output_folder, read, run_command
from fibsem.files import write_json
from fibsem.learning.space import read_space


def main(tree: Tree) -> None:
    """Search, or say what a search would take."""
    config = RunConfig.of(tree)
    search = read(SearchConfig, tree["search"], "search")
    space = read_space(tree)
    size = "infinitely many points" if math.isinf(space.size) else f"{space.size:.0f} points"
    print(
        f"space {space.name}: {size}, {len(space.cells())} cells of {', '.join(space.enumerated)}"
    )

    from fibsem.learning.datasets import obtain

    dataset = obtain(config.data, config.split)

    from fibsem.learning.estimate import duration, estimate_training
    from fibsem.learning.material import Material
    from fibsem.learning.optuna_search import Sweep, write_trials
    from fibsem.learning.tracking import Tracking

    material = Material.of(dataset, config)
    estimate = estimate_training(material)
    print(estimate.sentence())
    if search.dry_run:
        print(f"{search.trials} trials: {duration(search.trials * estimate.trial_s)} at most")
        return
    folder = output_folder("sweep", tree, dataset.name, config.spec.name, str(config.spec.nbhd))
    tracking = Tracking.open(config.tracking, dataset.name)
    sweep = Sweep.open(tree, material, folder, tracking)
    record = sweep.run()
    write_trials(sweep.study, folder / "trials.json")
    write_json(folder / "summary.json", record)
    best = record["best"]
    print(
        f"{record['trials']['complete']} trials; best validation loss {best['value']:.4f}, "
        f"mIoU {best['val']['miou']:.4f} with {best['params']}\n{folder}/summary.json; "
        f"compare the runs: mlflow ui --backend-store-uri {config.tracking.uri}"
    )


if __name__ == "__main__":
    run_command("sweep", main)
