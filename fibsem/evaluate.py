"""``python -m fibsem.evaluate``: one configuration with several seeds; tables over all."""

from __future__ import annotations

from fibsem.api.comparing import run as compare
from fibsem.api.evaluating import run
from fibsem.config import Tree, run_command


def main(tree: Tree) -> None:
    """Evaluate one configuration, or compare two finished evaluations."""
    print(run(tree) if tree["compare"] is None else compare(tree))


if __name__ == "__main__":
    run_command("evaluate", main)
