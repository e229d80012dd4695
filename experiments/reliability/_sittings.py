"""Kills of earlier sittings, maybe on other machines and commits: by command, beside the results.

A file holds the commit points of a command in order, and for each commit what came of the kills:
``3b`` is before the fourth point, ``3a`` behind it, ``r3`` the fourth of those at random moments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from _kills import places

#: A folder of a trial or a final training: the first digits of an id, another one in every store.
OF_RUN = re.compile(r"(?<=/)[0-9a-f]{8}(?=[/-])")
EQUAL, NOT_REACHED = "equal", "not reached"


@dataclass(frozen=True)
class Kill:
    """What came of a kill: nothing where the command ended as one that was not killed."""

    said: str
    commit: str


def lasting(points: Iterable[str]) -> list[str]:
    """Names of points that mean the same in every store: runs by the order in which they come.

    >>> lasting(["rename to rank/0a1b2c3d/a", "rename to rank/ffff0000/a"])
    ['rename to rank/1/a', 'rename to rank/2/a']
    """
    numbers: dict[str, str] = {}

    def number(run: re.Match[str]) -> str:
        return numbers.setdefault(run[0], str(len(numbers) + 1))

    return [OF_RUN.sub(number, name) for name in points]


def codes(points: list[str]) -> Iterator[tuple[str, str]]:
    """Code and key (without the command) of every kill beside points."""
    for place, (name, k, _) in enumerate(places(points)):
        for moment in ("before", "after"):
            yield f"{place}{moment[0]}", f"{name}|{k}|{moment}"


def read(file: Path) -> dict[str, Kill]:
    """What was tried, by the lasting key without the command."""
    if not file.is_file():
        return {}
    record = json.loads(file.read_text())
    keys = dict(codes(record["points"]))
    tried = {}
    for commit, outcomes in record["kills"].items():
        for said, text in outcomes.items():
            for code in text.split():
                key = f"random|{code[1:]}" if code.startswith("r") else keys[code]
                tried[key] = Kill("" if said == EQUAL else said, commit)
    return tried


def write(file: Path, points: list[str], tried: Mapping[str, Kill]) -> None:
    """Keep the points as they are now, and what was tried beside those that still are there."""
    names = lasting(points)
    of_key = {key: code for code, key in codes(names)}
    kills: dict[str, dict[str, list[str]]] = {}
    for key, kill in tried.items():
        code = f"r{key.removeprefix('random|')}" if key.startswith("random|") else of_key.get(key)
        if code is not None:
            kills.setdefault(kill.commit, {}).setdefault(kill.said or EQUAL, []).append(code)
    record = {
        "points": names,
        "kills": {
            commit: {said: " ".join(some) for said, some in outcomes.items()}
            for commit, outcomes in kills.items()
        },
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record, indent=1) + "\n")


def by_key(points: list[str]) -> dict[str, str]:
    """The lasting key of every kill beside points, by the one of this store."""
    pairs = zip(codes(points), codes(lasting(points)), strict=True)
    return {here: lasts for (_, here), (_, lasts) in pairs}
