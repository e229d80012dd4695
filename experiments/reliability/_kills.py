"""Which kills there are, beside the commit points of commands and at random, and their table."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """Kills to try.

    Parameters
    ----------
    every
        All commands, which share the kills at random moments.
    commands
        The commands whose kills are tried.
    beside
        Kills at ``all`` commit points, at the ``first`` one of each call site, or at ``none``.
    at_random, seed
        Number of kills at random moments, and the seed of the moments.
    """

    every: tuple[str, ...]
    commands: tuple[str, ...]
    beside: str
    at_random: int
    seed: int


def places(points: list[str]) -> list[tuple[str, int, int]]:
    """Return each point with the numbers of earlier points of its name and of its call site."""
    counts: Counter[str] = Counter()
    sites: Counter[str] = Counter()
    found = []
    for name in points:
        found.append((name, counts[name], sites[call_site(name)]))
        counts[name] += 1
        sites[call_site(name)] += 1
    return found


def call_site(name: str) -> str:
    """Return the operation and code location of a point, without its file or table.

    >>> call_site("replace to report/tables/sweeps.csv in analysis.encoding.write < reporting")
    'replace in analysis.encoding.write < reporting'
    """
    what, _, where = name.partition(" in ")
    return f"{re.sub(r' to .*', '', ' '.join(what.split(' ')[:2]))} in {where}"


def tries(known: dict[str, Any], plan: Plan) -> Iterator[tuple[str, str, Any]]:
    """Yield the key, command and moment of every kill to try.

    The first point of each call site (command, operation, code location) comes first, kills before
    it precede kills after it, commands take turns, and random kills are interspersed, so that an
    incomplete series is representative.
    """
    beside, at_random = at_points(known, plan.commands), list(moments(known, plan))
    if plan.beside != "all":
        firsts = [at_sites(known[command]["points"], command) for command in plan.commands]
        wanted = {key for sites in firsts for keys in sites.values() for key in keys}
        beside = [one for one in beside if plan.beside == "first" and one[0] in wanted]
    every = len(beside) // max(1, len(at_random)) + 1
    for k, one in enumerate(beside):
        if k % every == 0 and at_random:
            yield at_random.pop(0)
        yield one
    yield from at_random


def at_points(known: dict[str, Any], commands: tuple[str, ...]) -> list[tuple[str, str, Any]]:
    """Return the key, command, and point with moment of all kills at commit points."""
    by_turn: list[tuple[Any, str, Any]] = []
    for command in commands:
        for turn, (name, k, of_site) in enumerate(places(known[command]["points"])):
            by_turn += [((of_site, moment == "after", turn), command, (name, k, moment))
                        for moment in ("before", "after")]  # fmt: skip
    return [
        ("|".join(map(str, (command, *kill))), command, kill)
        for _, command, kill in sorted(by_turn, key=lambda one: one[0])
    ]


def at_sites(points: list[str], command: str) -> dict[str, set[str]]:
    """Return the keys of the kills before and after the first point of every call site."""
    return {
        call_site(name): {f"{command}|{name}|{k}|{moment}" for moment in ("before", "after")}
        for name, k, of_site in places(points)
        if of_site == 0
    }


def moments(known: dict[str, Any], plan: Plan) -> Iterator[tuple[str, str, float]]:
    """Yield the key, command and seconds of the random kills of the chosen commands."""
    chance = random.Random(plan.seed)
    for k in range(plan.at_random):
        command = plan.every[k % len(plan.every)]
        moment = chance.random()
        if command in plan.commands:
            yield f"{command}|random|{k}", command, moment * known[command]["seconds"]


def table(known: dict[str, Any], tried: dict[str, str], plan: Plan) -> dict[str, Any]:
    """Return counts of points, call sites, kills and their outcomes by command."""
    rows = {}
    for k, command in enumerate(plan.every):
        if command not in known:
            continue
        mine = {key: said for key, said in tried.items() if key.startswith(f"{command}|")}
        at_random = [said for key, said in mine.items() if "|random|" in key]
        asked = {key for key, _, _ in at_points(known, (command,))}
        beside = [said for key, said in mine.items() if key in asked]
        firsts = at_sites(known[command]["points"], command)
        rows[command] = {
            "points": len(known[command]["points"]),
            "sites": len(firsts),
            "sites_tried": sum(bool(keys & mine.keys()) for keys in firsts.values()),
            "sites_equal": sum(
                {mine[key] for key in keys & mine.keys()} == {""} for keys in firsts.values()
            ),
            "kills": len(asked), "tried": len(beside), "equal": beside.count(""),
            "not_reached": beside.count("not reached"),
            "random": len(range(k, plan.at_random, len(plan.every))),
            "random_tried": len(at_random),
            "random_equal": at_random.count("") + at_random.count("not reached"),
            "differing": {
                key: said for key, said in mine.items()
                if said not in ("", "not reached") and ("|random|" in key or key in asked)
            },
        }  # fmt: skip
    return rows
