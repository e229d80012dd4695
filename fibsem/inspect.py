"""``python -m fibsem.inspect``: check a dataset, print its tables and draw its figures."""

from __future__ import annotations

from fibsem.api.inspecting import run
from fibsem.config import Tree, run_command


def main(tree: Tree) -> None:
    """Inspect one dataset."""
    print(run(tree))


if __name__ == "__main__":
    run_command("inspect", main)
