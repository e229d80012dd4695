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

from _kills import Plan, table
from _sittings import Kill, by_key, read, write

HOME = Path(__file__).parent / "results" / "kills"
COMMANDS = ("train", "sweep", "evaluate", "promote", "segment", "report")

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--folders", type=Path, nargs="*", default=[], help="of commit_points.py")
parser.add_argument("--commit", help="that was tried in them")
parser.add_argument("--json", type=Path, help="write the table here")


def collect(folder: Path, commit: str) -> None:
    """Add the kills that were tried in a folder."""
    state = json.loads((folder / "tried.json").read_text())
    for command, known in state["known"].items():
        keys = by_key(known["points"])
        tried = read(HOME / f"{command}.json")
        for key, said in state["tried"].items():
            of, _, rest = key.partition("|")
            if of == command:
                tried[rest if rest.startswith("random|") else keys[rest]] = Kill(said, commit)
        write(HOME / f"{command}.json", known["points"], tried)


def main() -> None:
    args = parser.parse_args()
    if args.folders and not args.commit:
        parser.error("--commit must say what was tried in the folders")
    for folder in args.folders:
        collect(folder, args.commit)
    known, tried = {}, {}
    for command in COMMANDS:
        file = HOME / f"{command}.json"
        if file.is_file():
            known[command] = {"points": json.loads(file.read_text())["points"]}
            tried |= {f"{command}|{key}": kill.said for key, kill in read(file).items()}
    rows = table(known, tried, Plan(COMMANDS, tuple(known), "all", 200, 0))
    print("| command | points | places | kills beside | tried | equal | at random | equal |")
    for command, row in rows.items():
        figures = [row[key] for key in ("points", "sites", "kills", "tried", "equal",
                                        "random_tried", "random_equal")]  # fmt: skip
        print(f"| `{command}` | {' | '.join(map(str, figures))} |")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
