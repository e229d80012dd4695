"""Cases that are judged one after the other, kept as they are, and counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from _made import made

from fibsem.system import replace_file, write_json

Verdict = dict[str, Any]


def judged(folder: Path, cases: Iterable[tuple[str, Callable[[], Verdict]]]) -> list[Verdict]:
    """Judge the cases without a verdict in the folder, and return all verdicts.

    Paths of the folder are removed from messages. Cases that do not exist have no verdict.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "verdicts.json"
    verdicts = json.loads(path.read_text()) if path.is_file() else {}
    for name, judge in cases:
        if name not in verdicts:
            verdict = judge()
            if verdict.get("said"):
                verdict["said"] = verdict["said"].replace(f"{folder.resolve()}/", "")
            verdicts[name] = verdict
            print(name, verdict.get("verdict"), verdict.get("said") or "", flush=True)
            write_json(path, verdicts)
    return [verdict for verdict in verdicts.values() if verdict]


def as_before(found: Verdict, wanted: Verdict) -> tuple[str, str | None]:
    """Return whether a command was right, refused or wrong, and its message or None."""
    said = found.get("refused") or found.get("failed")
    return "right" if found == wanted else "refused" if "refused" in found else "wrong", said


def write(found: list[Verdict], folder: Path, json_file: Path | None) -> None:
    """Print the counts, and write a table of all cases into the folder, and the JSON if asked."""
    rows = ["| what | verdict | what it says |", "|---|---|---|"]
    for one in found:
        what = one.get("what") or f"{one['command']}: {one['case']}"
        rows.append(f"| {what} | {one['verdict']} | {one['said'] or ''} |")
    replace_file(folder / "verdicts.md", "\n".join(rows) + "\n")
    counts = {n: sum(v["verdict"] == n for v in found) for n in ("right", "refused", "wrong")}
    print(counts)
    if json_file:
        write_json(json_file, {**counts, **made(), "cases": found})
