"""``python -m fibsem.report``: one page of all results of a dataset, or where one comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fibsem.api.reporting import run
from fibsem.config import TrackingConfig, Tree, output_folder, read, read_path, run_command
from fibsem.reporting.lineage import read_lineage
from fibsem.system.files import write_json
from fibsem.system.identity import check_others
from fibsem.system.locks import at_work
from fibsem.tracking.aliases import aliases_now


def main(tree: Tree) -> None:
    """Report on a dataset, print the lineage of a result, or repair a store that was moved."""
    store = read(TrackingConfig, tree["tracking"], "tracking")
    if tree["lineage"] is not None:
        _tell_lineage(tree, store.uri)
    elif tree["repoint"] is not None:
        _repoint(tree, store.uri)
    else:
        print(run(tree))


def _tell_lineage(tree: Tree, uri: str) -> None:
    """Print and save the lineage of a segmentation or a promoted model."""
    place = read_path(tree["lineage"], "lineage")
    lineage = read_lineage(place)
    lineage = replace(lineage, aliases=aliases_now(uri, lineage.registered))
    folder = output_folder("report", tree, f"lineage-{place.resolve().name}")
    with at_work(folder):
        check_others(folder, "lineage")
        write_json(folder / "summary.json", {"lineage": lineage.record()})
    print(lineage.text())


def _repoint(tree: Tree, uri: str) -> None:
    """Correct the artifact locations in a store whose folder was moved here."""
    from fibsem.tracking.repointing import repoint

    old, new = read_path(tree["repoint"], "repoint"), Path.cwd()
    changed, present = repoint(uri, old, new)
    print(
        f"{changed} places in {uri} begin with {new} now, and not with {old}; {present} are there"
    )


if __name__ == "__main__":
    run_command("report", main)
