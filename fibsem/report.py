"""``python -m fibsem.report``: one page of all results of a dataset, or where one comes from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from fibsem.config import (
    DataConfig,
    TrackingConfig,
    Tree,
    output_folder,
    read,
    read_path,
    run_command,
)
from fibsem.data.split import SplitRecipe
from fibsem.errors import UserError
from fibsem.reporting.lineage import read_lineage
from fibsem.reporting.results import find_results
from fibsem.system.files import write_json
from fibsem.system.locks import at_work
from fibsem.tracking.aliases import aliases_now, history_now


def main(tree: Tree) -> None:
    """Report on a dataset, or tell the lineage of a segmentation."""
    store = read(TrackingConfig, tree["tracking"], "tracking")
    if tree["lineage"] is not None:
        _tell_lineage(tree, store.uri)
        return
    folders = tree["folders"] if tree["folders"] is not None else ["outputs"]
    if not isinstance(folders, list) or not folders:
        raise UserError(f"`folders` must be a list of folders, folders=[A,B], but got {folders}.")
    dataset = _name(read(DataConfig, tree["data"], "data"), tree)
    results = find_results([read_path(folder, "folders") for folder in folders], dataset)

    from fibsem.reporting.folder import write_report
    from fibsem.tracking.runs import code_version

    folder = output_folder("report", tree, dataset)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    footer = f"fibsem {code_version()}, {now}: {tree.get('command')}"
    with at_work(folder):
        record = write_report(results, folder, history_now(store.uri), footer)
    print(
        f"{len(results.found)} results of {dataset}: {len(record['tables'])} tables and "
        f"{len(record['figures'])} figures; {folder}/{record['page']}"
    )
    if results.others:
        print(f"left out: {results.others} results on other data of this name")


def _tell_lineage(tree: Tree, uri: str) -> None:
    """Print where a segmentation or a promoted model comes from."""
    place = read_path(tree["lineage"], "lineage")
    lineage = read_lineage(place)
    lineage = replace(lineage, aliases=aliases_now(uri, lineage.registered))
    folder = output_folder("report", tree, f"lineage-{place.resolve().name}")
    with at_work(folder):
        write_json(folder / "summary.json", {"lineage": lineage.record()})
    print(lineage.text())


def _name(data: DataConfig, tree: Tree) -> str:
    """Name of the dataset: nothing is simulated or downloaded to be reported on."""
    if data.path is None:
        return data.name

    from fibsem.data.manifest import load_dataset

    return load_dataset(data.path, read(SplitRecipe, tree["split"], "split")).name


if __name__ == "__main__":
    run_command("report", main)
