"""``python -m fibsem.inspect``: check a dataset, print its tables and draw its figures."""

from __future__ import annotations

from fibsem.config import DataConfig, Tree, output_folder, read, run_command
from fibsem.data.preprocessing import Recipe
from fibsem.data.split import SplitRecipe
from fibsem.system.files import replace_file, write_json
from fibsem.system.locks import at_work


def main(tree: Tree) -> None:
    """Inspect one dataset."""
    data, split = read(DataConfig, tree["data"], "data"), read(SplitRecipe, tree["split"], "split")
    recipe = read(Recipe, tree["preprocess"], "preprocess")

    from fibsem.reporting.inspection import Inspection, tables
    from fibsem.training.datasets import obtain

    dataset = obtain(data, split)
    folder = output_folder("inspect", tree, dataset.name)
    with at_work(folder):
        inspection = Inspection.of(dataset, recipe)
        record = inspection.record()
        pictures = inspection.figures(folder)
        replace_file(folder / "tables.md", tables(record))
        write_json(folder / "summary.json", record)
    print(
        f"{dataset.name}, hash {dataset.hash}: every label was read and is in order\n\n"
        f"{tables(record)}"
    )
    for warning in record["warnings"]:
        print(f"look at this: {warning}")
    print(f"figures: {', '.join(map(str, pictures))}")


if __name__ == "__main__":
    run_command("inspect", main)
