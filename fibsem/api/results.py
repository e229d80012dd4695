"""What every function gives back: the record of ``summary.json``, in words, and with pictures."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fibsem.system.secrets import in_message


@dataclass(frozen=True, repr=False)
class Result:
    """A result as people look at it; commands print the same words.

    Attributes
    ----------
    summary
        The record of ``summary.json``.
    folder
        Where it lies.
    """

    summary: Mapping[str, Any]
    folder: Path
    _made_in: Path = field(init=False, default_factory=Path.cwd, compare=False)

    @property
    def place(self) -> Path:
        """The folder, in whatever folder people work by now."""
        return self._made_in / self.folder

    @property
    def text(self) -> str:
        """What was found, in a few lines."""
        return str(self.folder)

    def pictures(self) -> Iterable[bytes]:
        """What a notebook shows below the text, as PNG."""
        return ()

    def __repr__(self) -> str:
        return in_message(self.text)

    def _repr_html_(self) -> str:
        return as_html(in_message(self.text), self.pictures())


def as_html(text: str, pictures: Iterable[bytes] = ()) -> str:
    """A text with pictures below it, which needs no other file.

    >>> as_html("a < b", [b"png"])
    '<pre>a &lt; b</pre><img src="data:image/png;base64,cG5n" style="max-width:100%">'
    """
    drawn = (base64.b64encode(png).decode() for png in pictures)
    images = (f'<img src="data:image/png;base64,{code}" style="max-width:100%">' for code in drawn)
    return f"<pre>{html.escape(text)}</pre>{''.join(images)}"


def files(paths: Iterable[Path]) -> Iterable[bytes]:
    """The bytes of the files that are there."""
    return (path.read_bytes() for path in paths if path.is_file())
