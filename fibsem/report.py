"""``python -m fibsem.report``: one page of all results of a dataset, or where one comes from."""

from __future__ import annotations

from fibsem.api import repointing, reporting, tracing
from fibsem.config import TrackingConfig, Tree, read, run_command


def main(tree: Tree) -> None:
    """Report on a dataset, print the lineage of a result, or repair a store that was moved."""
    read(TrackingConfig, tree["tracking"], "tracking")
    if tree["lineage"] is not None:
        print(tracing.run(tree))
    elif tree["repoint"] is not None:
        print(repointing.run(tree))
    else:
        print(reporting.run(tree))


if __name__ == "__main__":
    run_command("report", main)
