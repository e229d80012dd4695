"""Convert between grouped keys of ``search``, as users type them, and the flat keys in trees.

Keys that serve one sampler or pruner are typed in its group. Identities, trees of trials and
folder names are older than the groups and keep the flat keys.
"""

from __future__ import annotations

from fibsem.config.reading import Tree

#: Flat keys of a tree, which are still accepted, by the keys that users type.
GROUPED = {
    "search.grid.points": "search.grid_points",
    "search.nsga2.population": "search.population",
    "search.hyperband.epochs": "search.hyperband_epochs",
    "search.patient.patience": "search.pruner_patience",
}
#: Keys that users type, by the flat keys of a tree.
TYPED = {flat: grouped for grouped, flat in GROUPED.items()}


def as_grouped(argument: str) -> str:
    """Return an argument with its key in its group; print a note if it was typed flat.

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
    """Return a tree with these keys flat; unchanged if it has no ``search``."""
    if "search" not in tree:
        return tree
    search = dict(tree["search"])
    for grouped, flat in GROUPED.items():
        _, group, key = grouped.split(".")
        search[flat.removeprefix("search.")] = search[group][key]
    groups = {grouped.split(".")[1] for grouped in GROUPED}
    return {**tree, "search": {key: value for key, value in search.items() if key not in groups}}
