"""Turn names chosen by users into safe file names, which cannot lead out of their folder.

Characters that every file system accepts are kept; the rest is percent-encoded as in a URL.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

from fibsem.system.spelling import Spelling

#: Separators, control characters, characters that other systems forbid or that hide a file.
ILLEGAL = r'[\x00-\x1f\x7f/\\:*?"<>|%]|^[.~]|[. ]$'
#: First letter of a Windows device name, which is reserved in any folder and with any ending.
DEVICE = r"^(?i:(?=(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³]) *(?:\.|$))[cpanl])"
#: File systems take 255 bytes (or 143) for a name together with its prefix and suffix.
PARTS = Spelling(
    illegal=re.compile(ILLEGAL),
    number="%{:02X}",
    numbers=re.compile("%([0-9A-F]{2})"),
    cut="%~",
    longest=120,
)
FILES = replace(PARTS, illegal=re.compile(f"{DEVICE}|{ILLEGAL}"))


def file_name(name: str) -> str:
    """Return the file or folder name for a user's name; different names stay different.

    Examples
    --------
    >>> file_name("HPC22"), file_name("HPC 30 % (2)"), file_name(".."), file_name("aux.tif")
    ('HPC22', 'HPC 30 %25 (2)', '%2E%2E', '%61ux.tif')
    """
    return FILES.write(name)


def part_name(name: str) -> str:
    """Return a user's name encoded as part of a file name, after a prefix or before a suffix.

    >>> f"squares_{part_name('aux')}.png"
    'squares_aux.png'
    """
    return PARTS.write(name)


def subfolder_of(folder: Path, name: str) -> Path:
    """Return the subfolder of a name: as earlier versions wrote it if that exists."""
    before = folder / part_name(name)
    return before if before.is_dir() else folder / file_name(name)


def same_file(name: str) -> str:
    """Return a key that is equal for file names which Windows or macOS take for the same file.

    >>> same_file("HPC") == same_file("hpc"), same_file("a") == same_file("ä")
    (True, False)
    """
    return normalize("NFC", normalize("NFC", name).casefold())


def name_of(file: str) -> str:
    """Return the user's name of a file name, the inverse of :func:`file_name`.

    >>> name_of("HPC 30 %25 (2)")
    'HPC 30 % (2)'
    """
    return FILES.read(file)


def visible(folder: Path, *patterns: str) -> list[Path]:
    """Return the sorted paths in a folder that match any pattern, without hidden files."""
    matching = {path for pattern in patterns for path in folder.glob(pattern)}
    return sorted(path for path in matching if not path.name.startswith("."))
