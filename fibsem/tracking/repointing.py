"""Update the artifact locations of a moved store, which its database keeps as absolute paths.

MLflow has no function for this, so its tables are changed directly, in one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fibsem.errors import UserError
from fibsem.system.addresses import database_file, hidden
from fibsem.tracking.aliases import require_store
from fibsem.tracking.artifacts import folder_of

#: Tables and columns with artifact locations.
COLUMNS = (
    ("experiments", "artifact_location"), ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"), ("model_versions", "storage_location"),
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """An artifact location in one cell of the database.

    Attributes
    ----------
    table, column, row
        Position of the cell.
    text
        Content of the cell, usually a path or a ``file:`` address.
    """

    table: str
    column: str
    row: int
    text: str

    @property
    def path(self) -> Path | None:
        """The location as a path; None if it is on a server."""
        return folder_of(self.text)

    def moved(self, old: Path, new: Path) -> str:
        """Return the text with the folder ``old`` replaced by ``new``."""
        assert self.path is not None
        path = new / self.path.relative_to(old)
        return path.as_uri() if self.text.startswith("file:") else str(path)


@dataclass(frozen=True, repr=False)
class Repointed:
    """Artifact locations of a store that were changed.

    Attributes
    ----------
    uri
        Address of the store.
    old, new
        Folders that the locations were in, and are in now.
    changed, present
        Number of locations that were changed, and how many of the new ones exist.

    Examples
    --------
    >>> Repointed("sqlite:///ml.db", Path("/old"), Path("/new"), changed=7, present=7)
    7 places in sqlite:///ml.db begin with /new now, and not with /old; 7 are there
    """

    uri: str
    old: Path
    new: Path
    changed: int
    present: int

    def __repr__(self) -> str:
        return (
            f"{self.changed} places in {hidden(self.uri)} begin with {self.new} now, and not with "
            f"{self.old}; {self.present} are there"
        )


def repoint(uri: str, old: Path, new: Path) -> Repointed:
    """Replace one folder by another in all artifact locations of a store.

    Parameters
    ----------
    uri
        Address of the store, ``sqlite:///PATH``.
    old, new
        Folders; ``old`` need not exist any more.

    Raises
    ------
    UserError
        If the store is not a file or is damaged, if no location lies below ``old``, or if none of
        the new locations exists.
    """
    database = database_file(uri)
    if database is None:
        raise UserError(
            f"`repoint` needs a store that is a file, tracking.uri=sqlite:///PATH, but got "
            f"{hidden(uri)}: a server knows where its artifacts are, and in a database of another "
            "kind they are changed with its own tools."
        )
    require_store(uri)
    try:
        return Repointed(uri, old, new, *_repoint(database, old, new))
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"`tracking.uri` must name a database of MLflow that is whole, but {database} is not "
            f"({error})."
        ) from error


def _repoint(database: Path, old: Path, new: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        places = list(_places(connection))
        moving = [place for place in places if place.path and place.path.is_relative_to(old)]
        present = sum(
            (new / place.path.relative_to(old)).exists() for place in moving if place.path
        )
        _check(places, moving, present, old, new)
        for place in moving:
            connection.execute(
                f"UPDATE {place.table} SET {place.column} = ? WHERE rowid = ?",
                (place.moved(old, new), place.row),
            )
    return len(moving), present


def _places(connection: sqlite3.Connection) -> Iterator[Place]:
    for table, column in COLUMNS:
        for row, text in connection.execute(f"SELECT rowid, {column} FROM {table}"):
            if text:
                yield Place(table, column, row, text)


def _check(places: list[Place], moving: list[Place], present: int, old: Path, new: Path) -> None:
    if not moving:
        of_experiments = [place for place in places if place.table == "experiments"]
        places_of = sorted({str(place.path) for place in of_experiments if place.path})
        raise UserError(
            "`repoint` must be the folder that the store was moved from, but none of its artifacts "
            f"lie in {old}; they lie in {', '.join(places_of) or 'no folder'}."
        )
    if not present:
        raise UserError(
            f"`repoint` needs the artifacts in {new}, where this command is given, but none of "
            f"{len(moving)} is there; give it in the folder that was {old}."
        )
