"""Collect what `commit_points.py` has tried in its folders, and write the table of all sittings.

    .venv/bin/python experiments/reliability/collect_kills.py --folders outputs/commit_points \
        --json experiments/reliability/results/commit_points.json

Kills are kept in ``results/kills``, by command; `commit_points.py` does not try them again.
Without folders the table is made from the kept kills.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from _kills import Plan, table
from _sittings import Kill, by_key, read, write

HOME = Path(__file__).parent / "results" / "kills"
COMMANDS = ("train", "sweep", "evaluate", "promote", "segment", "report")
NETWORK = ("sweep_network", "evaluate_network", "promote_network")
#: Figures of a command in the table, and what they are called there.
COLUMNS = {
    "points": "points", "sites": "places", "sites_hit": "killed at", "sites_equal": "equal",
    "kills": "kills beside points", "tried": "tried", "missed": "missed", "equal": "equal",
    "random_tried": "at random", "random_missed": "missed", "random_equal": "equal",
}  # fmt: skip

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--folders", type=Path, nargs="*", default=[], help="of commit_points.py")
parser.add_argument("--json", type=Path, help="write the table here")


def collect(folder: Path) -> None:
    """Add the kills that were tried in a folder."""
    state = json.loads((folder / "tried.json").read_text())
    commit, day = state["commit"], state["date"]
    for command, known in state["known"].items():
        keys = by_key(known["points"])
        tried = read(HOME / f"{command}.json")
        for key, said in state["tried"].items():
            of, _, rest = key.partition("|")
            if of == command:
                tried[rest if rest.startswith("random|") else keys[rest]] = Kill(said, commit, day)
        write(HOME / f"{command}.json", known["points"], tried)


def main() -> None:
    args = parser.parse_args()
    for folder in args.folders:
        collect(folder)
    known, tried, commits = {}, {}, {}
    for command in (*COMMANDS, *NETWORK):
        file = HOME / f"{command}.json"
        if file.is_file():
            known[command] = {"points": json.loads(file.read_text())["points"]}
            kills = read(file)
            tried |= {f"{command}|{key}": kill.said for key, kill in kills.items()}
            commits |= {kill.commit: kill.date for kill in kills.values()}
    rows = table(known, tried, Plan(COMMANDS, tuple(known), "all", 200, 0))
    for line in printed(rows):
        print(line)
    if args.json:
        figures = {"commits": commits, "commands": rows}
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


def printed(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Return the table of README.md, with a line for all commands."""
    sums = {key: sum(row[key] for row in rows.values()) for key in COLUMNS}
    lines = [f"| command | {' | '.join(COLUMNS.values())} |", "|---|" + "--:|" * len(COLUMNS)]
    for name, row in (*((f"`{command}`", row) for command, row in rows.items()), ("all", sums)):
        lines.append(f"| {name} | {' | '.join(str(row[key]) for key in COLUMNS)} |")
    return lines


if __name__ == "__main__":
    main()
