"""Base of all results: the contents of ``summary.json``, a text, and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from fibsem.errors import UserError
from fibsem.system.files import known_json
from fibsem.system.notebooks import as_html
from fibsem.system.records import as_record
from fibsem.system.secrets import in_message

#: Keys of a summary by which a result is recognised in its folder.
MADE = ("run_id", "parent_run_id", "version", "labelling", "measurement", "shows")

#: Contents of ``summary.json``.
S = TypeVar("S")


@dataclass(frozen=True, repr=False)
class Result(Generic[S]):
    """Result of a function; commands print its text.

    Attributes
    ----------
    contents
        The contents of ``summary.json``, as fields with types.
    folder
        Folder of the result, as it was given.
    """

    contents: S
    folder: Path
    _made_in: Path = field(init=False, default_factory=Path.cwd, compare=False)

    @property
    def summary(self) -> Mapping[str, Any]:
        """The record of ``summary.json``, by its keys."""
        record: Mapping[str, Any] = as_record(self.contents)
        return record

    @property
    def place(self) -> Path:
        """Absolute path of the folder; raises UserError if it holds a later result."""
        folder = self._made_in / self.folder
        self.check_kept(folder)
        return folder

    @property
    def folder_here(self) -> Path:
        """The checked folder as it was given; absolute if the working directory has changed."""
        folder = self.place
        return self.folder if Path.cwd() == self._made_in else folder

    @property
    def result_folder(self) -> Path:
        """Path of the folder, unchecked; absolute if the working directory has changed."""
        return self.folder if Path.cwd() == self._made_in else self._made_in / self.folder

    def check_kept(self, folder: Path) -> None:
        """Check that a folder still holds this result.

        Raises
        ------
        UserError
            If it holds a later one.
        """
        path = folder / "summary.json"
        written = known_json(path) if path.is_file() else None
        now: Mapping[str, Any] = written if isinstance(written, dict) else {}
        made = self.summary
        if any(now[key] != made[key] for key in MADE if key in now and key in made):
            raise UserError(
                f"a result must be used as long as it lies in its folder, but {self.folder} holds "
                "a later one; another output keeps both."
            )

    @property
    def text(self) -> str:
        """The result in a few lines."""
        return str(self.result_folder)

    def pictures(self) -> Iterable[bytes]:
        """Pictures that a notebook shows below the text, as PNG."""
        return ()

    def __repr__(self) -> str:
        return in_message(self.text)

    def _repr_html_(self) -> str:
        try:
            return as_html(in_message(self.text), list(self.pictures()))
        except (UserError, OSError) as error:  # the folder holds a later result, or none
            return self._without_pictures(error)

    def _without_pictures(self, why: Exception) -> str:
        """Text that is shown if pictures cannot be read."""
        return as_html(in_message(f"{self.text}\nwithout pictures: {why}"))


def files(paths: Iterable[Path]) -> Iterable[bytes]:
    """Return the contents of those files that exist."""
    return (path.read_bytes() for path in paths if path.is_file())
