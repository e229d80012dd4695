"""File endings of tables and figures, shared by the code that writes and removes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fibsem.system.file_names import same_file

#: Endings of a table and of a figure; records and pages name the file with the first one.
TABLE, FIGURE = ("csv", "md", "tex"), ("png", "svg")


def each(stems: Iterable[str], endings: Iterable[str], prefix: str = "") -> tuple[str, ...]:
    """Return the file names of tables or figures: ``prefix``, stem and each ending.

    >>> each(["history", "pareto"], FIGURE, "figures/")
    ('figures/history.png', 'figures/history.svg', 'figures/pareto.png', 'figures/pareto.svg')
    """
    return tuple(f"{prefix}{stem}.{ending}" for stem in stems for ending in endings)


def remove_former(
    folder: Path, former: Iterable[str], current: Iterable[str], endings: Iterable[str]
) -> None:
    """Remove tables or figures of an earlier run that were not made again, in all their endings.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     for file in each(["a", "b", "mine"], FIGURE):
    ...         Path(name, file).touch()
    ...     remove_former(Path(name), ["a.png", "b.png"], ["b.png", "c.png"], FIGURE)
    ...     sorted(path.name for path in Path(name).iterdir())
    ['b.png', 'b.svg', 'mine.png', 'mine.svg']
    """
    fresh = {same_file(name) for name in current}  # some disks ignore case
    for name in former:
        if same_file(name) not in fresh:
            for ending in endings:
                (folder / name).with_suffix(f".{ending}").unlink(missing_ok=True)
