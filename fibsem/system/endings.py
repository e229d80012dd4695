"""Files that one table and one figure become, for those who write and those who remove them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fibsem.system.file_names import same_file

#: Endings of a table, and of a figure; the first is that of the file which others name.
TABLE, FIGURE = ("csv", "md", "tex"), ("png", "svg")


def each(stems: Iterable[str], endings: Iterable[str], prefix: str = "") -> tuple[str, ...]:
    """Every file of some tables or figures, behind the folder that they lie in.

    >>> each(["history", "pareto"], FIGURE, "figures/")
    ('figures/history.png', 'figures/history.svg', 'figures/pareto.png', 'figures/pareto.svg')
    """
    return tuple(f"{prefix}{stem}.{ending}" for stem in stems for ending in endings)


def remove_former(
    folder: Path, former: Iterable[str], made: Iterable[str], endings: Iterable[str]
) -> None:
    """Remove tables or figures that were made before and not this time, with what lies beside them.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     for file in each(["a", "b", "mine"], FIGURE):
    ...         Path(name, file).touch()
    ...     remove_former(Path(name), ["a.png", "b.png"], ["b.png", "c.png"], FIGURE)
    ...     sorted(path.name for path in Path(name).iterdir())
    ['b.png', 'b.svg', 'mine.png', 'mine.svg']
    """
    fresh = {same_file(name) for name in made}  # some disks take other names for these
    for name in former:
        if same_file(name) not in fresh:
            for ending in endings:
                (folder / name).with_suffix(f".{ending}").unlink(missing_ok=True)
