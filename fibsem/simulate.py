"""``python -m fibsem.simulate``: three porous films with known truth."""

from __future__ import annotations

from fibsem.api.simulating import run
from fibsem.config import Tree, run_command


def main(tree: Tree) -> None:
    """Simulate one phantom."""
    print(run(tree))


if __name__ == "__main__":
    run_command("simulate", main)
