"""``python -m fibsem.train``: train one network and score it on the validation squares."""

from __future__ import annotations

from fibsem.api.training import run
from fibsem.config import Tree, run_command


def main(tree: Tree) -> None:
    """Train one configuration."""
    print(run(tree))


if __name__ == "__main__":
    run_command("train", main)
