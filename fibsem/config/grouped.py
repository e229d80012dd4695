"""Keys of ``search`` for one sampler or pruner, which are typed in groups and stored flat.

Identities, trees of trials and names of folders are older than the groups, and stay valid so.
"""

from __future__ import annotations

from fibsem.config.reading import Tree

#: Keys as they are typed, and as they are stored; the latter may be typed, too.
GROUPED = {
    "search.grid.points": "search.grid_points",
    "search.nsga2.population": "search.population",
    "search.hyperband.epochs": "search.hyperband_epochs",
    "search.patient.patience": "search.pruner_patience",
}
#: Keys as they are typed, by the stored ones.
TYPED = {flat: grouped for grouped, flat in GROUPED.items()}


def as_grouped(argument: str) -> str:
    """An argument with its key in its group; prints a notice if it was typed flat.

    >>> as_grouped("search.population=30")
    `search.population` is `search.nsga2.population` now; both are accepted.
    'search.nsga2.population=30'
    """
    key, equals, value = argument.partition("=")
    former = key.lstrip("+")
    if former not in TYPED:
        return argument
    print(f"`{former}` is `{TYPED[former]}` now; both are accepted.")
    return f"{TYPED[former]}{equals}{value}"


def without_groups(tree: Tree) -> Tree:
    """A tree with these keys flat."""
    if "search" not in tree:
        return tree
    search = dict(tree["search"])
    for grouped, flat in GROUPED.items():
        _, group, key = grouped.split(".")
        search[flat.removeprefix("search.")] = search[group][key]
    groups = {grouped.split(".")[1] for grouped in GROUPED}
    return {**tree, "search": {key: value for key, value in search.items() if key not in groups}}
