"""Files that one table and one figure become, for those who write and those who remove them."""

from __future__ import annotations

from collections.abc import Iterable

#: Endings of a table, and of a figure; the first is that of the file which others name.
TABLE, FIGURE = ("csv", "md", "tex"), ("png", "svg")


def each(stems: Iterable[str], endings: Iterable[str], prefix: str = "") -> tuple[str, ...]:
    """Every file of some tables or figures, behind the folder that they lie in.

    >>> each(["history", "pareto"], FIGURE, "figures/")
    ('figures/history.png', 'figures/history.svg', 'figures/pareto.png', 'figures/pareto.svg')
    """
    return tuple(f"{prefix}{stem}.{ending}" for stem in stems for ending in endings)
