"""``python -m fibsem.sweep``: search hyperparameters, every trial a run in MLflow."""

from __future__ import annotations

from fibsem.api.sweeping import prepare, search
from fibsem.config import Tree, run_command


def main(tree: Tree) -> None:
    """Search hyperparameters, or only estimate the time with ``search.dry_run``."""
    prepared = prepare(tree)
    if not prepared.settings.dry_run:
        print(search(prepared))


if __name__ == "__main__":
    run_command("sweep", main)
