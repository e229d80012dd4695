"""Which kills there are, beside the commit points of commands and at random, and their table."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Outcome of a kill that came too late or at a point that was not reached: it tells nothing.
MISSED = "not reached"
#: End of the names of commands on a network; those without it use a model without epochs.
ON_NETWORK = "_network"


@dataclass(frozen=True)
class Plan:
    """Kills to try.

    Parameters
    ----------
    every
        All commands that share the kills at random moments.
    commands
        The commands whose kills are tried.
    beside
        Kills at ``all`` commit points, at the ``first`` one of each call site, or at ``none``.
    at_random, seed
        Number of kills at random moments that hit, and the seed of the moments.
    part
        Place of this process among those that share the kills, and their number.
    """

    every: tuple[str, ...]
    commands: tuple[str, ...]
    beside: str
    at_random: int
    seed: int
    part: tuple[int, int] = (0, 1)

    def quota(self, command: str) -> int:
        """Return how many kills of a command at random moments must hit in all processes."""
        if command not in self.every:
            return 0
        return len(range(self.every.index(command), self.at_random, len(self.every)))


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


def tries(
    known: dict[str, Any], tried: Mapping[str, str], plan: Plan
) -> Iterator[tuple[str, str, Any]]:
    """Yield the key, command and moment of every kill to try by one of the processes.

    The first point of each call site (command, operation, code location) comes first, kills before
    it precede kills after it, commands take turns, and random kills are interspersed, so that an
    incomplete series is representative. A kill at random that missed is followed by another one.
    """
    place, processes = plan.part
    beside = [] if plan.beside == "none" else at_points(known, plan.commands)
    if plan.beside == "first":
        wanted = {key for name in plan.commands for key in first_keys(known[name]["points"], name)}
        beside = [one for one in beside if one[0] in wanted]
    beside = beside[place::processes]
    every = max(1, len(beside) * processes // max(1, plan.at_random))
    at_random = moments(known, tried, plan)
    for k, one in enumerate(beside):
        if k % every == 0:
            yield from (moment for moment in [next(at_random, None)] if moment)
        yield one
    yield from at_random


def at_points(known: dict[str, Any], commands: tuple[str, ...]) -> list[tuple[str, str, Any]]:
    """Return the key, command, and point with moment of all kills at commit points.

    A command on a network is killed only at call sites that the same command without one lacks.
    """
    by_turn: list[tuple[Any, str, Any]] = []
    for command in commands:
        former = sites_of(known, command.removesuffix(ON_NETWORK))
        for turn, (name, k, of_site) in enumerate(places(known[command]["points"])):
            if command.endswith(ON_NETWORK) and call_site(name) in former:
                continue
            by_turn += [((of_site, moment == "after", turn), command, (name, k, moment))
                        for moment in ("before", "after")]  # fmt: skip
    return [
        ("|".join(map(str, (command, *kill))), command, kill)
        for _, command, kill in sorted(by_turn, key=lambda one: one[0])
    ]


def sites_of(known: dict[str, Any], command: str) -> set[str]:
    """Return the call sites of a command, none if it was not listed."""
    return {call_site(name) for name in known.get(command, {}).get("points", [])}


def at_sites(points: list[str], command: str) -> dict[str, set[str]]:
    """Return the keys of the kills before and after the first point of every call site."""
    return {
        call_site(name): {f"{command}|{name}|{k}|{moment}" for moment in ("before", "after")}
        for name, k, of_site in places(points)
        if of_site == 0
    }


def first_keys(points: list[str], command: str) -> set[str]:
    """Return the keys of all kills at the first points of call sites."""
    return {key for keys in at_sites(points, command).values() for key in keys}


def moments(
    known: dict[str, Any], tried: Mapping[str, str], plan: Plan
) -> Iterator[tuple[str, str, float]]:
    """Yield the key, command and seconds of random kills until enough of each command hit.

    ``tried`` is read after every kill.
    """
    place, processes = plan.part
    turn = dict.fromkeys(plan.commands, place)
    open_ones = [name for name in plan.commands if plan.quota(name)]
    while open_ones:
        for command in list(open_ones):
            wanted = len(range(place, plan.quota(command), processes))
            if hits(tried, command, plan.part) >= wanted:
                open_ones.remove(command)
                continue
            while (key := f"{command}|random|{turn[command]}") in tried:
                turn[command] += processes
            moment = random.Random(f"{plan.seed} {key}").random()
            yield key, command, moment * known[command]["seconds"]
            turn[command] += processes


def hits(tried: Mapping[str, str], command: str, part: tuple[int, int]) -> int:
    """Return the number of kills at random moments that came in time, of one of the processes."""
    place, processes = part
    named = [key.rpartition("|random|") for key, said in tried.items() if said != MISSED]
    return sum(of == command and int(k) % processes == place for of, _, k in named if of)


def table(known: dict[str, Any], tried: dict[str, str], plan: Plan) -> dict[str, Any]:
    """Return counts of points, call sites, kills and their outcomes by command.

    Kills that missed are neither among those that hit nor among the equal ones.
    """
    rows = {}
    for command in known:
        mine = {key: said for key, said in tried.items() if key.startswith(f"{command}|")}
        at_random = [said for key, said in mine.items() if "|random|" in key]
        asked = {key for key, _, _ in at_points(known, (command,))}
        beside = [said for key, said in mine.items() if key in asked]
        firsts = {site: keys for site, keys in at_sites(known[command]["points"], command).items()
                  if keys <= asked}  # fmt: skip
        hit_at = {site: {mine[key] for key in keys & mine.keys()} - {MISSED}
                  for site, keys in firsts.items()}  # fmt: skip
        rows[command] = {
            "points": len(known[command]["points"]),
            "sites": len(firsts),
            "sites_hit": sum(bool(said) for said in hit_at.values()),
            "sites_equal": sum(said == {""} for said in hit_at.values()),
            "kills": len(asked), "tried": len(beside), "missed": beside.count(MISSED),
            "hit": len(beside) - beside.count(MISSED), "equal": beside.count(""),
            "random": plan.quota(command), "random_tried": len(at_random),
            "random_missed": at_random.count(MISSED),
            "random_hit": len(at_random) - at_random.count(MISSED),
            "random_equal": at_random.count(""),
            "differing": {
                key: said for key, said in mine.items()
                if said not in ("", MISSED) and ("|random|" in key or key in asked)
            },
        }  # fmt: skip
    return rows
