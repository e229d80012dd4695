"""``python -m fibsem.segment``: label a whole volume with the champion."""

from __future__ import annotations

from fibsem.api.exporting import export
from fibsem.api.inputs import options_of
from fibsem.api.segmenting import estimate, run
from fibsem.config import TrackingConfig, Tree, read, run_command
from fibsem.errors import UserError


def main(tree: Tree) -> None:
    """Segment one volume, say what it would take, or export the networks."""
    options_of(tree)
    read(TrackingConfig, tree["tracking"], "tracking")
    if tree["estimate"] not in (True, False, "table"):
        raise UserError(f"`estimate` must be true, false or table, but got {tree['estimate']}.")
    if tree["export"] is not None:
        print(f"the networks with their geometry: {export(tree)}")
    elif tree["estimate"] == "table":
        _print_table()
    elif tree["estimate"]:
        print(estimate(tree).text())
    else:
        print(run(tree))


def _print_table() -> None:
    """Patch by patch against dense, for every neighbourhood of the study, as it is timed."""
    from fibsem.inference.volume.estimate import comparison_table
    from fibsem.system.progress import Progress

    with Progress("timing") as progress:
        for line in comparison_table(progress):
            print(line, flush=True)


if __name__ == "__main__":
    run_command("segment", main)
