"""``python -m fibsem.promote``: the best trial becomes the champion and segments the volumes."""

from __future__ import annotations

from fibsem.config import (
    DataConfig,
    GateConfig,
    PostProcessingConfig,
    TrackingConfig,
    Tree,
    output_folder,
    read,
    run_command,
)
from fibsem.data.split import SplitRecipe
from fibsem.files import write_json
from fibsem.inference.options import Options


def main(tree: Tree) -> None:
    """Promote the best trial of a dataset."""
    data, split = read(DataConfig, tree["data"], "data"), read(SplitRecipe, tree["split"], "split")
    store = read(TrackingConfig, tree["tracking"], "tracking")
    for kind, key in ((GateConfig, "gate"), (Options, "segmentation"),
                      (PostProcessingConfig, "postprocessing")):  # fmt: skip
        read(kind, tree[key], key)

    from fibsem.learning.datasets import obtain

    dataset = obtain(data, split)

    from fibsem.learning.promotion import best_of_sweeps, promote
    from fibsem.learning.tracking import Tracking

    tracking = Tracking.open(store, dataset.name)
    winner = best_of_sweeps(tracking, dataset, tree["study"])
    folder = output_folder("promote", tree, dataset.name, winner.run_id[:8])
    record = promote(tree, winner, dataset, folder, tracking)
    write_json(folder / "summary.json", record)
    crowned = "is the champion now" if record["champion"] else "is registered, not champion"
    print(f"version {record['version']} {crowned}; {folder}/summary.json")


if __name__ == "__main__":
    run_command("promote", main)
