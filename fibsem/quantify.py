"""``python -m fibsem.quantify``: porosity and structure of a segmented film."""

from __future__ import annotations

from dataclasses import fields

from fibsem.config import Tree, output_folder, read, read_path, run_command
from fibsem.errors import UserError
from fibsem.quantification.options import QuantifyConfig
from fibsem.system.locks import at_work
from fibsem.system.progress import Progress


def main(tree: Tree) -> None:
    """Measure one segmentation."""
    keys = {field.name: tree[field.name] for field in fields(QuantifyConfig)}
    how = read(QuantifyConfig, keys, "quantify")
    if tree["segmentation"] is None:
        raise UserError(
            "`segmentation` must be given: segmentation=FOLDER of python -m fibsem.segment."
        )

    from fibsem.quantification.quantification import check_free, quantify
    from fibsem.quantification.segmented import open_segmented
    from fibsem.quantification.summary import told

    segmented = open_segmented(read_path(tree["segmentation"], "segmentation"))
    folder = output_folder("quantify", tree, segmented.folder.resolve().name)
    check_free(folder)
    with at_work(folder), Progress("quantifying") as progress:
        record = quantify(segmented, how, folder, progress)
    print(told(record))
    for limit in record["limits"]:
        print(f"note: {limit}")
    print(folder)


if __name__ == "__main__":
    run_command("quantify", main)
