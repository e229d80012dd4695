"""``python -m fibsem.segment``: label a whole volume with the champion."""

from __future__ import annotations

from fibsem.api.exporting import export
from fibsem.api.inputs import options_of
from fibsem.api.segmenting import estimate_work, run
from fibsem.config import TrackingConfig, Tree, estimate_of, read, run_command


def main(tree: Tree) -> None:
    """Segment one volume, estimate the work, or export the networks."""
    options_of(tree)
    read(TrackingConfig, tree["tracking"], "tracking")
    only_estimate = estimate_of(tree)
    if tree["export"] is not None:
        print(f"the networks with their geometry: {export(tree)}")
    else:
        print(estimate_work(tree).text() if only_estimate else run(tree))


if __name__ == "__main__":
    run_command("segment", main)
