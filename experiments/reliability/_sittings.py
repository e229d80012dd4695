"""Kills of earlier sittings, maybe on other machines and commits: by command, beside the results.

A file holds the commit points of a command in order, and for each git commit its day and the
outcomes of the kills: ``3b`` is before the fourth point, ``3a`` after it, ``r3`` the fourth at a
random moment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from _kills import places

#: Folder of a trial or a final training: the first digits of an id, which differs in every store.
OF_RUN = re.compile(r"(?<=/)[0-9a-f]{8}(?=[/-])")
EQUAL = "equal"


@dataclass(frozen=True)
class Kill:
    """Outcome of a kill; ``said`` is empty if the results equal those of an undisturbed command."""

    said: str
    commit: str
    date: str


def lasting(points: Iterable[str]) -> list[str]:
    """Return names of points that are the same in every store: runs are numbered as they occur.

    >>> lasting(["rename to rank/0a1b2c3d/a", "rename to rank/ffff0000/a"])
    ['rename to rank/1/a', 'rename to rank/2/a']
    """
    numbers: dict[str, str] = {}

    def number(run: re.Match[str]) -> str:
        return numbers.setdefault(run[0], str(len(numbers) + 1))

    return [OF_RUN.sub(number, name) for name in points]


def codes(points: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the code and the key (without the command) of every kill at points."""
    for place, (name, k, _) in enumerate(places(points)):
        for moment in ("before", "after"):
            yield f"{place}{moment[0]}", f"{name}|{k}|{moment}"


def read(file: Path) -> dict[str, Kill]:
    """Return the kills in a file, by lasting key without the command."""
    if not file.is_file():
        return {}
    record = json.loads(file.read_text())
    keys = dict(codes(record["points"]))
    tried = {}
    for commit, outcomes in record["kills"].items():
        for said, text in outcomes.items():
            for code in text.split():
                key = f"random|{code[1:]}" if code.startswith("r") else keys[code]
                tried[key] = Kill("" if said == EQUAL else said, commit, record["days"][commit])
    return tried


def write(file: Path, points: list[str], tried: Mapping[str, Kill]) -> None:
    """Write the present points, and the kills at points that still exist."""
    names = lasting(points)
    of_key = {key: code for code, key in codes(names)}
    kills: dict[str, dict[str, list[str]]] = {}
    for key, kill in tried.items():
        code = f"r{key.removeprefix('random|')}" if key.startswith("random|") else of_key.get(key)
        if code is not None:
            kills.setdefault(kill.commit, {}).setdefault(kill.said or EQUAL, []).append(code)
    record = {
        "days": {kill.commit: kill.date for kill in tried.values()},
        "points": names,
        "kills": {
            commit: {said: " ".join(some) for said, some in outcomes.items()}
            for commit, outcomes in kills.items()
        },
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record, indent=1) + "\n")


def by_key(points: list[str]) -> dict[str, str]:
    """Return the lasting key of every kill at points, by its key in this store."""
    pairs = zip(codes(points), codes(lasting(points)), strict=True)
    return {here: lasts for (_, here), (_, lasts) in pairs}
