"""``python -m fibsem.segment``: label a whole volume with the champion."""

from __future__ import annotations

from fibsem.api import estimating, exporting, segmenting
from fibsem.api.inputs import options_of
from fibsem.config import TrackingConfig, Tree, estimate_of, read, run_command


def main(tree: Tree) -> None:
    """Segment one volume, estimate the work, or export the networks."""
    options_of(tree)
    read(TrackingConfig, tree["tracking"], "tracking")
    only_estimate = estimate_of(tree)
    if tree["export"] is not None:
        print(exporting.run(tree))
    else:
        print(estimating.run(tree) if only_estimate else segmenting.run(tree))


if __name__ == "__main__":
    run_command("segment", main)
