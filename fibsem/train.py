"""``python -m fibsem.train``: train one network and score it on the validation squares."""

from __future__ import annotations

import time
from pathlib import Path

from fibsem.config import RunConfig, Tree, output_folder, run_command
from fibsem.data.dataset import Dataset
from fibsem.system.files import write_json
from fibsem.system.locks import at_work


def main(tree: Tree) -> None:
    """Train one configuration."""
    config = RunConfig.of(tree)

    from fibsem.training.datasets import obtain

    dataset = obtain(config.data, config.split)
    folder = output_folder("train", tree, dataset.name, config.spec.name, str(config.spec.nbhd))
    with at_work(folder):
        _train(tree, config, dataset, folder)


def _train(tree: Tree, config: RunConfig, dataset: Dataset, folder: Path) -> None:
    from fibsem.system.progress import Progress
    from fibsem.tracking.runs import Tracking
    from fibsem.training.fit import Epoch
    from fibsem.training.material import Material
    from fibsem.training.run import Job, hyperparameters, run_job

    started = time.perf_counter()
    tracking = Tracking.open(config.tracking, dataset.name)
    job = Job(
        tree=tree,
        folder=folder,
        name=f"{config.spec.name} {config.spec.nbhd} seed {config.seed}",
        tags={"fibsem.command": "train"},
        params=hyperparameters(config, tree),
        overwrite="always" if tree["overwrite"] else "never",
    )
    with Progress("epochs") as progress:

        def show(epoch: Epoch) -> None:
            text = f"loss {epoch.val['loss']:.4f}, mIoU {epoch.val['miou']:.4f}"
            progress(text, epoch.epoch + 1, config.train.epochs)

        record, _ = run_job(job, Material.of(dataset, config), tracking, show)
    record["seconds"] = time.perf_counter() - started
    write_json(folder / "summary.json", record)
    print(
        f"validation mIoU {record['val']['miou']:.4f}, accuracy {record['val']['accuracy']:.4f}, "
        f"loss {record['val']['loss']:.4f} after {record['epochs']} epochs; {folder}/summary.json"
    )


if __name__ == "__main__":
    run_command("train", main)
