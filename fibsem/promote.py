"""``python -m fibsem.promote``: the best trials become the champion, or it goes back to another."""

from __future__ import annotations

from fibsem.api.promoting import checked, run
from fibsem.config import Configuration, Tree, run_command


def main(tree: Tree) -> None:
    """Promote the best of a dataset's trials; or roll back, or show the history of champions."""
    checked(configuration := Configuration(tree))
    if tree["rollback"] or tree["history"]:
        _registry(configuration.tracking.uri, back=tree["rollback"], why=tree["reason"])
        return
    print(run(tree))


def _registry(uri: str, *, back: bool, why: str | None) -> None:
    """Show the history of champions, after a rollback to the previous one with ``back``."""
    from fibsem.analysis.encoding import markdown
    from fibsem.tracking import aliases, champions, versions

    aliases.require_store(uri)
    if back:
        reason = f"rollback=true; {why}" if why else "rollback=true"
        now, replaced = champions.rollback(uri, reason)
        instead = "one that was deleted" if replaced is None else f"version {replaced}"
        print(f"version {now} is the champion again, instead of {instead}")
    table = versions.history_table(uri)
    if table.empty:
        print(f"no model is registered in {uri}; python -m fibsem.promote registers one")
    else:
        print(markdown(table))


if __name__ == "__main__":
    run_command("promote", main)
