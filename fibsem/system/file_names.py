"""Names of users as names of files: any text, in the folder that is meant and in no other.

A name stays as it is as far as every file system takes it; the rest is written as in a URL.
"""

from __future__ import annotations

import re
from pathlib import Path

from fibsem.system.spelling import Spelling

#: With what stands before and behind it a file system takes 255 bytes, or 143.
FILES = Spelling(
    # separators, control characters, what other systems forbid, and what would hide a file
    illegal=re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|%]|^[.~]|[. ]$'),
    number="%{:02X}",
    numbers=re.compile("%([0-9A-F]{2})"),
    cut="%~",
    longest=120,
)


def file_name(name: str) -> str:
    """A name as that of a file or folder; different names have different ones.

    >>> file_name("HPC22"), file_name("HPC 30 % (2)"), file_name(".."), file_name("a/b")
    ('HPC22', 'HPC 30 %25 (2)', '%2E%2E', 'a%2Fb')
    """
    return FILES.write(name)


def name_of(file: str) -> str:
    """The name that :func:`file_name` made a file's name of.

    >>> name_of("HPC 30 %25 (2)")
    'HPC 30 % (2)'
    """
    return FILES.read(file)


def visible(folder: Path, *patterns: str) -> list[Path]:
    """What in a folder matches, in order, without what other systems hide beside files."""
    matching = {path for pattern in patterns for path in folder.glob(pattern)}
    return sorted(path for path in matching if not path.name.startswith("."))
