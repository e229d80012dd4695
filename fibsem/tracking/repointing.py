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
class Location:
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
    7 artifact locations in sqlite:///ml.db now begin with /new instead of /old; 7 exist
    """

    uri: str
    old: Path
    new: Path
    changed: int
    present: int

    def __repr__(self) -> str:
        return (
            f"{self.changed} artifact locations in {hidden(self.uri)} now begin with {self.new} "
            f"instead of {self.old}; {self.present} exist"
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
        If the store is not a file or is damaged, if no location lies below ``old``, if none of the
        new locations exists, or if both folders are one.
    """
    if old.absolute() == new.absolute():  # a link to the new folder may be what is recorded
        raise UserError(
            "`repoint` must be the folder that the store was moved from, but got the one in which "
            f"this command is given, {new}."
        )
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
        locations = list(_locations(connection))
        moving = [
            location
            for location in locations
            if location.path and location.path.is_relative_to(old)
        ]
        present = sum(
            (new / location.path.relative_to(old)).exists() for location in moving if location.path
        )
        _check(locations, moving, present, old, new)
        for location in moving:
            connection.execute(
                f"UPDATE {location.table} SET {location.column} = ? WHERE rowid = ?",
                (location.moved(old, new), location.row),
            )
    return len(moving), present


def _locations(connection: sqlite3.Connection) -> Iterator[Location]:
    for table, column in COLUMNS:
        for row, text in connection.execute(f"SELECT rowid, {column} FROM {table}"):
            if text:
                yield Location(table, column, row, text)


def _check(
    locations: list[Location], moving: list[Location], present: int, old: Path, new: Path
) -> None:
    if not moving:
        of_experiments = [location for location in locations if location.table == "experiments"]
        folders = sorted({str(location.path) for location in of_experiments if location.path})
        raise UserError(
            "`repoint` must be the folder that the store was moved from, but none of its artifacts "
            f"lie in {old}; they lie in {', '.join(folders) or 'no folder'}."
        )
    if not present:
        raise UserError(
            f"`repoint` needs the artifacts in {new}, where this command is given, but none of "
            f"{len(moving)} is there; give it in the folder that was {old}."
        )
