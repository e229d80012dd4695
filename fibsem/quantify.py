"""``python -m fibsem.quantify``: porosity and structure of a segmented film."""

from __future__ import annotations

from fibsem.api.quantifying import run
from fibsem.config import Tree, run_command


def main(tree: Tree) -> None:
    """Measure one segmentation."""
    print(run(tree))


if __name__ == "__main__":
    run_command("quantify", main)
