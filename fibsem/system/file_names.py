"""Names of users as names of files: any text, in the folder that is meant and in no other.

A name stays as it is as far as every file system takes it; the rest is written as in a URL.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

from fibsem.system.spelling import Spelling

#: Separators, control characters, what other systems forbid, and what would hide a file.
ILLEGAL = r'[\x00-\x1f\x7f/\\:*?"<>|%]|^[.~]|[. ]$'
#: The beginning of a name that Windows has for a device, in any folder and with any ending.
DEVICE = r"^(?i:(?=(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³]) *(?:\.|$))[cpanl])"
#: With what stands before and behind it a file system takes 255 bytes, or 143.
PARTS = Spelling(
    illegal=re.compile(ILLEGAL),
    number="%{:02X}",
    numbers=re.compile("%([0-9A-F]{2})"),
    cut="%~",
    longest=120,
)
FILES = replace(PARTS, illegal=re.compile(f"{DEVICE}|{ILLEGAL}"))


def file_name(name: str) -> str:
    """A name as that of a file or folder; different names have different ones.

    >>> file_name("HPC22"), file_name("HPC 30 % (2)"), file_name(".."), file_name("aux.tif")
    ('HPC22', 'HPC 30 %25 (2)', '%2E%2E', '%61ux.tif')
    """
    return FILES.write(name)


def part_name(name: str) -> str:
    """A name as part of that of a file, behind or before something else.

    >>> f"squares_{part_name('aux')}.png"
    'squares_aux.png'
    """
    return PARTS.write(name)


def place_of(folder: Path, name: str) -> Path:
    """Where the folder of a name lies in another one: as versions before wrote it, if it does."""
    before = folder / part_name(name)
    return before if before.is_dir() else folder / file_name(name)


def same_file(name: str) -> str:
    """What is equal of names that some disk takes for one: those of Windows and macOS do.

    >>> same_file("HPC") == same_file("hpc"), same_file("a") == same_file("ä")
    (True, False)
    """
    return normalize("NFC", normalize("NFC", name).casefold())


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
